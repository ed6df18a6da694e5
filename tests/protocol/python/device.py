"""A device of protocol version 1, written from docs/PROTOCOL.md, on Debian's python3-websockets.

Streams N samples of a state and N of an event channel in batches, breaks its own connection on the way, takes its
session up again, and ends when every event is acknowledged. Prints one JSON object.

    device.py --url ws://127.0.0.1:8080/v1/device --token TOKEN --samples 1000
"""

import argparse
import asyncio
import json
import os
import struct
import sys
import time
from urllib.parse import urlsplit

try:
    import websockets
except ImportError:
    sys.exit("python3-websockets is missing: apt-get install python3-websockets")

import messages
import wire

STATE, EVENT, TARGET, COMMAND = 1, 2, 3, 4
HEADERS = "additional_headers" if int(websockets.version.version.split(".")[0]) >= 14 else "extra_headers"
CHANNELS = [
    {"channel": STATE, "topic": "state", "encoding": "f64", "unit": "s"},
    {
        "channel": EVENT,
        "topic": "event",
        "class": "event",
        "encoding": "struct",
        "fields": [{"name": "number", "type": "u32"}, {"name": "half", "type": "f32"}],
    },
    {"channel": TARGET, "topic": "target", "encoding": "json", "writable": True},
    {"channel": COMMAND, "topic": "command", "class": "event", "encoding": "json", "writable": True},
]


class Device:
    """One device over as many connections as it takes."""

    def __init__(self, options):
        self.options = options
        self.producer = options.producer or os.urandom(8).hex()
        self.started = time.monotonic_ns()
        self.unacked = {}  # sequence -> (time, payload), in order
        self.made = 0
        self.state_sequence = 0
        self.resume = None
        self.limits = {}
        self.changed = asyncio.Event()
        self.summary = {
            "producer": self.producer, "sessions": [], "resumed": 0, "connections": 0, "events": 0, "states": 0,
            "sentAgain": 0, "acked": 0, "clockReplies": 0, "pongs": 0, "targets": [], "commands": [], "errors": [],
        }  # fmt: skip

    def now_us(self):
        """Microseconds since the device started; the gateway converts (`clock: device`)."""
        return (time.monotonic_ns() - self.started) // 1000 + 1

    # Control messages

    async def open(self, ws):
        """From `hello` to `advertised`; then what was not acknowledged goes out again."""
        hello = {"type": "hello", "protocol": 1, "client": "device.py 1", "producer": self.producer, "clock": "device"}
        if self.resume:
            hello["resume"] = self.resume
        await ws.send(json.dumps(hello))
        welcome = await self.wait_for(ws, "welcome")
        self.limits = welcome["limits"]
        self.resume = {"session": welcome["session"], "token": welcome["resume"]}
        self.summary["device"] = welcome["device"]
        self.summary["resumed"] += welcome["resumed"]
        self.summary["sessions"].append(welcome["session"])
        await ws.send(json.dumps({"type": "advertise", "channels": CHANNELS}))
        advertised = await self.wait_for(ws, "advertised")
        for channel in advertised["channels"]:
            if channel["channel"] == EVENT:
                self.acknowledged(channel["last"])
        again = [(EVENT, sequence, *self.unacked[sequence]) for sequence in self.unacked]
        self.summary["sentAgain"] += len(again)
        for start in range(0, len(again), 500):
            await ws.send(wire.encode_batch(again[start : start + 500]))

    async def wait_for(self, ws, kind):
        while True:
            message = await self.handle(ws, await ws.recv())
            if message and message["type"] == kind:
                return message

    async def handle(self, ws, received):
        """Answers what has to be answered. Returns control messages."""
        if isinstance(received, bytes):
            await self.frame(ws, received)
            return None
        message = messages.parse("gateway-to-device", received)
        if message is None:
            return None  # a later gateway says more than this page
        if message["type"] == "ping":
            self.summary["pongs"] += 1
            await ws.send(json.dumps({**message, "type": "pong"}))
        elif message["type"] == "clock":
            self.summary["clockReplies"] += 1
            await ws.send(json.dumps({"type": "clock_reply", "t": message["t"], "at": self.now_us()}))
        elif message["type"] in ("error", "bye"):
            self.summary["errors"].append(message)
        return message

    async def frame(self, ws, data):
        if data[0] == 2:
            for channel, sequence in wire.decode_ack(data):
                if channel == EVENT:
                    self.acknowledged(sequence)
            return
        for channel, sequence, _, payload in wire.decode_batch(data)[2]:
            value = json.loads(payload)
            if channel == TARGET:
                self.summary["targets"].append(value)
                await ws.send(wire.encode_ack([(TARGET, sequence)]))
            else:
                self.summary["commands"].append(value)
                result = {"type": "result", "channel": channel, "sequence": sequence, "ok": True, "value": value}
                await ws.send(json.dumps(result))

    def acknowledged(self, sequence):
        for old in [one for one in self.unacked if one <= sequence]:
            del self.unacked[old]
        self.summary["acked"] = max(self.summary["acked"], sequence)
        self.changed.set()

    # Data

    async def stream(self, ws, until):
        """Makes samples up to number `until`, in batches of both channels, within the unacknowledged limit."""
        size = struct.calcsize("<If")
        room = min(self.limits["maxUnackedBytes"] // size, self.options.window)
        while self.made < until:
            if len(self.unacked) + self.options.batch > room:
                self.changed.clear()
                await self.changed.wait()
                continue
            samples = []
            for _ in range(min(self.options.batch, until - self.made)):
                self.made += 1
                self.state_sequence += 1
                at = self.now_us()
                event = struct.pack("<If", self.made, self.made / 2)
                self.unacked[self.made] = (at, event)
                samples.append((STATE, self.state_sequence, at, struct.pack("<d", self.made)))
                samples.append((EVENT, self.made, at, event))
            await ws.send(wire.encode_batch(samples))
            self.summary["events"] = self.summary["states"] = self.made
            await asyncio.sleep(self.options.pause)

    async def settled(self):
        while self.unacked:
            self.changed.clear()
            await self.changed.wait()

    async def connection(self, until, breaks):
        """One connection: streams up to `until`, then breaks without a word, or ends with `bye`."""
        options = {HEADERS: {"Authorization": "Bearer " + self.options.token}}
        async with websockets.connect(self.options.url, subprotocols=["tidegate.v1"], **options) as ws:
            if ws.subprotocol != "tidegate.v1":
                raise SystemExit(f"the gateway confirmed the subprotocol {ws.subprotocol!r}")
            self.summary["connections"] += 1
            await self.open(ws)
            listener = asyncio.create_task(self.listen(ws))
            work = asyncio.create_task(self.work(ws, until, breaks))
            await asyncio.wait((listener, work), return_when=asyncio.FIRST_COMPLETED)
            finished = work.done()
            for task in (listener, work):
                task.cancel()
            results = await asyncio.gather(listener, work, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception) and not isinstance(result, websockets.exceptions.ConnectionClosed):
                    raise result
            if not finished:
                raise SystemExit(f"the gateway closed: {ws.close_code} {ws.close_reason} {self.summary['errors']}")

    async def listen(self, ws):
        async for received in ws:
            await self.handle(ws, received)

    async def work(self, ws, until, breaks):
        before = self.summary["acked"]
        await self.stream(ws, until)
        if breaks:
            while self.unacked and self.summary["acked"] == before:
                self.changed.clear()
                await self.changed.wait()
            ws.transport.abort()
            return
        await self.settled()
        await asyncio.sleep(self.options.linger)
        await ws.send(json.dumps({"type": "bye", "reason": "done"}))

    async def run(self):
        total, breaks = self.options.samples, self.options.breaks
        for part in range(1, breaks + 2):
            await self.connection(total * part // (breaks + 1), part <= breaks)
        self.summary["unacked"] = len(self.unacked)
        self.summary["seconds"] = round((time.monotonic_ns() - self.started) / 1e9, 3)


async def main(options):
    device = Device(options)
    try:
        await asyncio.wait_for(device.run(), options.timeout)
    finally:
        print(json.dumps(device.summary))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="such as ws://127.0.0.1:8080/v1/device")
    parser.add_argument("--token", required=True)
    parser.add_argument("--samples", type=int, default=1000, help="samples of each channel")
    parser.add_argument("--breaks", type=int, default=1, help="how often it breaks its own connection")
    parser.add_argument("--batch", type=int, default=20, help="samples of each channel in one batch")
    parser.add_argument("--window", type=int, default=100_000, help="most unacknowledged events")
    parser.add_argument("--pause", type=float, default=0, help="seconds between batches")
    parser.add_argument("--linger", type=float, default=0, help="seconds to stay at the end, for writes and commands")
    parser.add_argument("--producer", help="sequence space; random by default")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for all of it")
    options = parser.parse_args()
    if urlsplit(options.url).scheme not in ("ws", "wss"):
        parser.error("the URL begins with ws:// or wss://")
    return options


if __name__ == "__main__":
    asyncio.run(main(arguments()))

"""A device on WebRTC, written from docs/PROTOCOL.md on Debian's python3-aiortc and python3-websockets.

Streams the numbers 1 to N as a state, on the state lane while that answers and on its WebSocket otherwise, and the same
numbers as events on its WebSocket. Ends when every event is acknowledged and the last state is confirmed, or has taken
the WebSocket. Prints a JSON object a line: each move, and at the end what it did.

    device.py --url ws://127.0.0.1:8080/v1/device --token TOKEN --samples 500
"""

import argparse
import asyncio
import json
import os
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "protocol" / "python"))
import wire  # noqa: E402
import websockets  # noqa: E402
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription  # noqa: E402
from aiortc.sdp import candidate_from_sdp  # noqa: E402

STATE, EVENT = 1, 2
HEADERS = "additional_headers" if int(websockets.version.version.split(".")[0]) >= 14 else "extra_headers"
CHANNELS = [
    {"channel": STATE, "topic": "state", "encoding": "f64"},
    {"channel": EVENT, "topic": "event", "class": "event", "encoding": "f64"},
]


class Lane:
    """The state lane, section 17: the newest sample of the one state channel."""

    HEARTBEAT, PROBE, IDLE = 0.04, 0.1, 2.5
    MAX_BUFFERED = 16_384

    def __init__(self, channel, moved):
        self.channel = channel
        self.moved = moved
        self.up = False
        self.number = 0
        self.under_way = {}  # number -> (sent at, sequence of the sample in it or None)
        self.newest = None  # (sequence, time, payload)
        self.sent_sequence = 0
        self.confirmed_sequence = 0
        self.round_trip = 0.4
        self.heard_at = None
        self.sent_at = 0.0
        self.confirmed = self.again = self.heartbeats = 0

    def put(self, sample):
        self.newest = sample
        self.pump()

    def pump(self):
        """Gives up what is not confirmed in time, then sends the newest where it has not gone out."""
        now = time.monotonic()
        for number, (sent_at, sequence) in list(self.under_way.items()):
            if now - sent_at < self.round_trip * 1.5 + 0.025:
                break
            del self.under_way[number]
            if sequence is not None and sequence == self.sent_sequence and sequence > self.confirmed_sequence:
                self.sent_sequence = 0  # nothing newer has gone out
                self.again += 1
        if self.channel.readyState != "open" or self.channel.bufferedAmount > self.MAX_BUFFERED:
            return
        if self.up and self.newest and self.newest[0] > max(self.sent_sequence, self.confirmed_sequence):
            self.sent_sequence = self.newest[0]
            self.send([wire.encode_batch([(STATE, *self.newest)])], self.newest[0])

    def send(self, batches, sequence):
        self.number += 1
        self.sent_at = time.monotonic()
        self.under_way[self.number] = (self.sent_at, sequence)
        self.channel.send(wire.encode_state(self.number, batches))

    def confirmation(self, data):
        held, numbers = wire.decode_confirmation(data)
        now = time.monotonic()
        for number in numbers:
            sent_at, sequence = self.under_way.pop(number, (None, None))
            if sent_at is None:
                continue
            self.confirmed += 1
            self.heard_at = now
            if number == numbers[0]:
                self.round_trip += (max(0.0, now - sent_at - held / 1e6) - self.round_trip) / 8
            if sequence is not None:
                self.confirmed_sequence = max(self.confirmed_sequence, sequence)

    async def run(self):
        """Heartbeats, and the decision to take the lane into use or to leave it."""
        while True:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            self.pump()
            every = (self.HEARTBEAT if self.under_way else self.IDLE) if self.up else self.PROBE
            if now - self.sent_at >= every and self.channel.readyState == "open":
                self.heartbeats += 1
                self.send([], None)
            if not self.up and self.heard_at and now - self.heard_at < 0.5:
                self.up = True
                await self.moved("webrtc", f"the lane answers within {1000 * self.round_trip:.0f} ms")
            elif self.up and (self.channel.readyState != "open" or (self.under_way and now - self.heard_at > 1)):
                self.up = False
                await self.moved("websocket", "no confirmation")


class Device:
    def __init__(self, options):
        self.options = options
        self.started = time.monotonic_ns()
        self.unacked = {}
        self.lane = None
        self.answered = asyncio.Event()
        self.advertised = asyncio.Event()
        self.early = []
        self.by_websocket = self.by_lane = self.sequence = 0
        self.summary = {"moves": [], "errors": [], "rejected": []}

    def now_us(self):
        return (time.monotonic_ns() - self.started) // 1000 + 1

    async def say(self, message):
        await self.ws.send(json.dumps(message))

    async def moved(self, to, cause):
        self.summary["moves"].append(to)
        print(json.dumps({"moved": to}), flush=True)
        await self.say({"type": "moved", "to": to, "cause": cause})

    async def offer(self, ice_servers):
        servers = [RTCIceServer(**server) for server in ice_servers]
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        channel = self.peer.createDataChannel("state", ordered=False)
        channel.on("open", lambda: self.opened(channel))
        # aiortc gathers everything first, so its offer holds all candidates
        await self.peer.setLocalDescription(await self.peer.createOffer())
        await self.say({"type": "offer", "sdp": self.peer.localDescription.sdp})

    def opened(self, channel):
        self.lane = Lane(channel, self.moved)
        channel.on("message", self.lane.confirmation)
        self.lane_task = asyncio.create_task(self.lane.run())

    async def candidate(self, value):
        line = value if isinstance(value, str) else (value or {}).get("candidate", "")
        if not line:
            return  # the end; this aiortc has no word for it
        candidate = candidate_from_sdp(line.split(":", 1)[1])
        candidate.sdpMid, candidate.sdpMLineIndex = "0", 0
        await self.peer.addIceCandidate(candidate)

    async def listen(self):
        async for received in self.ws:
            if isinstance(received, bytes):
                for channel, sequence in wire.decode_ack(received):
                    for old in [one for one in self.unacked if channel == EVENT and one <= sequence]:
                        del self.unacked[old]
                continue
            message = json.loads(received)
            kind = message["type"]
            if kind == "welcome":
                await self.say({"type": "advertise", "channels": CHANNELS})
                if "iceServers" in message:
                    await self.offer(message["iceServers"])
            elif kind == "advertised":
                self.advertised.set()
            elif kind == "answer":
                await self.peer.setRemoteDescription(RTCSessionDescription(message["sdp"], "answer"))
                for candidate in self.early:
                    await self.candidate(candidate)
                self.answered.set()
            elif kind == "candidate":
                if self.answered.is_set():
                    await self.candidate(message["candidate"])
                else:
                    self.early.append(message["candidate"])
            elif kind == "ping":
                await self.say({**message, "type": "pong"})
            elif kind == "clock":
                await self.say({"type": "clock_reply", "t": message["t"], "at": self.now_us()})
            elif kind == "reject":
                self.summary["rejected"].append(message["reason"])
            elif kind in ("error", "bye"):
                self.summary["errors"].append(message)

    async def stream(self):
        await self.advertised.wait()
        number = 0
        while number < self.options.samples:
            # the count begins when the lane is in use, so that the lane has to carry it
            if number or (self.lane and self.lane.up):
                number += 1
            at, payload = self.now_us(), struct.pack("<d", number)
            if number:
                self.unacked[number] = (at, payload)
                await self.ws.send(wire.encode_batch([(EVENT, number, at, payload)]))
            await self.state(at, payload)
            await asyncio.sleep(self.options.pause)
        while self.unacked or (self.lane.up and self.lane.confirmed_sequence < self.sequence):
            await asyncio.sleep(0.02)
        if not self.lane.up:
            await self.state(at, payload)

    async def state(self, at, payload):
        """One sequence, whichever way a sample goes: the gateway takes none twice, and none that is older."""
        self.sequence += 1
        if self.lane and self.lane.up:
            self.by_lane += 1
            self.lane.put((self.sequence, at, payload))
        else:
            self.by_websocket += 1
            await self.ws.send(wire.encode_batch([(STATE, self.sequence, at, payload)]))

    async def run(self):
        options = {HEADERS: {"Authorization": "Bearer " + self.options.token}}
        async with websockets.connect(self.options.url, subprotocols=["tidegate.v1"], **options) as ws:
            self.ws = ws
            hello = {"type": "hello", "protocol": 1, "producer": os.urandom(8).hex(), "clock": "device"}
            await self.say(hello)
            listener = asyncio.create_task(self.listen())
            work = asyncio.create_task(self.stream())
            done, _ = await asyncio.wait((listener, work), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self.say({"type": "bye", "reason": "done"})
            listener.cancel()
            self.lane_task.cancel()
            await self.peer.close()


async def main(options):
    device = Device(options)
    try:
        await asyncio.wait_for(device.run(), options.timeout)
    finally:
        lane = device.lane
        print(json.dumps({
            **device.summary, "unacked": len(device.unacked), "byWebSocket": device.by_websocket,
            "byLane": device.by_lane, "confirmed": lane.confirmed if lane else 0,
            "messages": lane.number if lane else 0, "again": lane.again if lane else 0,
            "roundTripMs": round(1000 * lane.round_trip, 1) if lane else None,
        }))  # fmt: skip


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--pause", type=float, default=0.01, help="seconds between samples")
    parser.add_argument("--timeout", type=float, default=30, help="seconds for all of it")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(arguments()))

"""A device that sends its state over WebRTC, written from docs/PROTOCOL.md section 17, on Debian's python3-aiortc.

Publishes `state` as f64 and counts up to N; the value N must be confirmed at the end, whatever was lost. Prints one
JSON object.

    rtc_device.py --url ws://127.0.0.1:8080/v1/device --token TOKEN --samples 200
"""

import argparse
import asyncio
import json
import struct
import sys
import time

try:
    import websockets
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
    from aiortc.sdp import candidate_from_sdp
except ImportError as error:
    sys.exit(f"{error}: apt-get install python3-aiortc python3-websockets")

import wire

CHANNEL = 1
HEADERS = "additional_headers" if int(websockets.version.version.split(".")[0]) >= 14 else "extra_headers"


class StateLane:
    """The sending end: numbered messages, and of each what it carried."""

    def __init__(self, channel):
        self.channel = channel
        self.number = 0
        self.newest = None  # (sequence, payload)
        self.confirmed = 0  # highest sequence that the gateway has
        self.under_way = {}  # message number -> (time sent, sequence or None)
        self.sent = 0
        self.again = 0
        self.round_trip = 0.1
        self.heard = asyncio.Event()

    def send(self, batches, sequence=None):
        self.number += 1
        self.under_way[self.number] = (time.monotonic(), sequence)
        self.channel.send(wire.encode_state(self.number, batches))

    def publish(self, sequence, payload):
        self.newest = (sequence, payload)
        self.send_newest()

    def send_newest(self):
        sequence, payload = self.newest
        now = time.time_ns() // 1000
        self.sent += 1
        self.send([wire.encode_batch([(CHANNEL, sequence, now, payload)])], sequence)

    def received(self, data):
        held, numbers = wire.decode_confirmation(data)
        now = time.monotonic()
        for number in numbers:
            at, sequence = self.under_way.pop(number, (None, None))
            if number == numbers[0] and at is not None:
                self.round_trip += (now - at - held / 1e6 - self.round_trip) / 4
            if sequence is not None:
                self.confirmed = max(self.confirmed, sequence)
        self.heard.set()

    def tick(self):
        """Every 20 ms: gives up what is too old, and sends the newest again, or a heartbeat."""
        limit = time.monotonic() - max(0.05, 2 * self.round_trip)
        lost = [number for number, (at, _) in self.under_way.items() if at < limit]
        carried = [self.under_way.pop(number)[1] for number in lost]
        if self.newest is None or self.confirmed >= self.newest[0]:
            return
        if self.newest[0] in carried:
            self.again += 1
            self.send_newest()
        else:
            self.send([])


async def signal(ws, pc):
    """Takes the gateway's messages until it has answered and named its candidates."""
    early = []
    async for message in ws:
        if isinstance(message, bytes):
            continue
        message = json.loads(message)
        kind = message["type"]
        if kind == "ping":
            await ws.send(json.dumps({"type": "pong"}))
        elif kind == "clock":
            await ws.send(json.dumps({"type": "clock_reply", "t": message["t"], "at": time.time_ns() // 1000}))
        elif kind == "reject":
            raise RuntimeError(message["reason"])
        elif kind == "answer":
            await pc.setRemoteDescription(RTCSessionDescription(message["sdp"], "answer"))
            for candidate in early:
                await pc.addIceCandidate(candidate)
        elif kind == "candidate":
            found = message["candidate"]
            if not found:
                continue
            candidate = candidate_from_sdp(found["candidate"].split(":", 1)[1])
            candidate.sdpMid = found.get("sdpMid", "0")
            if pc.remoteDescription is None:
                early.append(candidate)
            else:
                await pc.addIceCandidate(candidate)


async def run(options):
    headers = {"Authorization": "Bearer " + options.token}
    async with websockets.connect(options.url, subprotocols=["tidegate.v1"], **{HEADERS: headers}) as ws:
        await ws.send(json.dumps({"type": "hello", "protocol": 1, "client": "rtc_device.py 1", "clock": "gateway"}))
        while (welcome := json.loads(await ws.recv()))["type"] != "welcome":
            pass
        if "iceServers" not in welcome:
            raise RuntimeError("this gateway has no WebRTC")
        channels = [{"channel": CHANNEL, "topic": "state", "encoding": "f64"}]
        await ws.send(json.dumps({"type": "advertise", "channels": channels}))
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        channel = pc.createDataChannel("state", ordered=False)
        opened = asyncio.Event()
        channel.on("open", lambda: opened.set())
        lane = StateLane(channel)
        channel.on("message", lane.received)
        await pc.setLocalDescription(await pc.createOffer())
        await ws.send(json.dumps({"type": "offer", "sdp": pc.localDescription.sdp}))
        signalling = asyncio.create_task(signal(ws, pc))
        waiting = asyncio.create_task(opened.wait())
        done, _ = await asyncio.wait({waiting, signalling}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if waiting not in done:
            raise RuntimeError(f"no lane: {signalling.exception() if signalling.done() else 'no path in 20 s'}")
        while not lane.heard.is_set():
            lane.send([])
            await asyncio.sleep(0.1)
        await ws.send(json.dumps({"type": "moved", "to": "webrtc", "cause": "the lane answers"}))
        for sequence in range(1, options.samples + 1):
            lane.publish(sequence, struct.pack("<d", sequence))
            lane.tick()
            await asyncio.sleep(0.01)
        deadline = time.monotonic() + 10
        while lane.confirmed < options.samples and time.monotonic() < deadline:
            lane.tick()
            await asyncio.sleep(0.02)
        summary = {"sent": lane.sent, "again": lane.again, "confirmed": lane.confirmed}
        summary["roundTripMs"] = round(lane.round_trip * 1000, 1)
        signalling.cancel()
        await ws.send(json.dumps({"type": "bye"}))
        await pc.close()
        return summary


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--samples", type=int, default=200)
    print(json.dumps(asyncio.run(run(parser.parse_args()))))


main()

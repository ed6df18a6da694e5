"""A link between two network namespaces: delay, jitter, loss and a rate, changed while it runs.

link.py NAMESPACE_A NAMESPACE_B: makes both namespaces with one end each, 10.77.0.1 and 10.77.0.2, and carries the
packets between them. Each line on standard input is a JSON object of settings: delayMs (one way), jitterMs (up to
so much either way, order kept by chance only), loss (0 to 1), bitsPerSecond (0 = no limit), cut (true: nothing
passes), udp (false: no UDP passes). Ends, and takes the namespaces away, when standard input ends.
"""

import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
UDP = 17
# Bytes that may wait for a limited rate in each direction: the buffer of a small router.
MAX_WAITING = 32_768


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN_NO_PI))
    return fd


def end(namespace, name, address, peer):
    ip("netns", "add", namespace)
    fd = tun(name)
    ip("link", "set", name, "netns", namespace)
    inside = ("netns", "exec", namespace, "ip")
    ip(*inside, "link", "set", "lo", "up")
    ip(*inside, "addr", "add", address, "peer", peer, "dev", name)
    ip(*inside, "link", "set", name, "up", "mtu", "1400")
    ip(*inside, "route", "add", "default", "dev", name)
    return fd


class Link:
    def __init__(self, fds):
        self.fds = fds
        self.set = {"delayMs": 0, "jitterMs": 0, "loss": 0, "bitsPerSecond": 0, "cut": False, "udp": True}
        self.queue = []
        self.count = 0
        self.free_at = [0.0, 0.0]

    def take(self, side, packet, now):
        rules = self.set
        if rules["cut"] or random.random() < rules["loss"]:
            return
        if not rules["udp"] and packet[0] >> 4 == 4 and packet[9] == UDP:
            return
        leaves = now
        if rules["bitsPerSecond"] > 0:
            seconds = 8 / rules["bitsPerSecond"]
            leaves = max(now, self.free_at[side])
            if (leaves - now) / seconds > MAX_WAITING:
                return
            leaves += len(packet) * seconds
            self.free_at[side] = leaves
        late = rules["delayMs"] + random.uniform(-1, 1) * rules["jitterMs"]
        self.count += 1
        heapq.heappush(self.queue, (leaves + max(0, late) / 1000, self.count, 1 - side, packet))

    def run(self):
        pending = b""
        while True:
            now = time.monotonic()
            while self.queue and self.queue[0][0] <= now:
                _, _, side, packet = heapq.heappop(self.queue)
                try:
                    os.write(self.fds[side], packet)
                except OSError:
                    pass  # the interface's own queue is full: lost
            wait = max(0, self.queue[0][0] - now) if self.queue else None
            ready, _, _ = select.select([*self.fds, sys.stdin], [], [], wait)
            for side, fd in enumerate(self.fds):
                if fd not in ready:
                    continue
                try:
                    while True:
                        self.take(side, os.read(fd, 65_536), time.monotonic())
                except BlockingIOError:
                    pass
            if sys.stdin in ready:
                chunk = os.read(sys.stdin.fileno(), 65_536)
                if not chunk:
                    return
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    self.set.update(json.loads(line))
                    print(json.dumps(self.set), flush=True)


def main(a, b):
    try:
        fds = [
            end(a, "tga", "10.77.0.1", "10.77.0.2"),
            end(b, "tgb", "10.77.0.2", "10.77.0.1"),
        ]
        print("ready", flush=True)
        Link(fds).run()
    finally:
        for namespace in (a, b):
            subprocess.run(["ip", "netns", "delete", namespace], check=False)


main(*sys.argv[1:])

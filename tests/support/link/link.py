"""A network of our own: namespaces joined by TUN devices, and this program in between, which delays, jitters, drops,
limits the rate of, and cuts what they send to each other.

    link.py --lifetime 120 gateway client

makes one namespace for each name, with the addresses 10.77.0.1, 10.77.0.2 and so on, and prints where they are.
Then it reads commands, a JSON object a line, and answers each with a line: `{"set": {...}}` changes the link,
`{}` asks for the counts. Namespaces have no names in the file system: they live as long as this program and those
that run in them, so nothing is left over however it ends. It ends with its standard input, at the latest after
its lifetime. Needs root and /dev/net/tun.
"""

import argparse
import ctypes
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

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
DEVICE = "link0"
MTU = 1500
libc = ctypes.CDLL(None, use_errno=True)


def checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


class Profile:
    """What the link does to a packet. All directions are alike."""

    def __init__(self):
        self.delayMs = 0.0
        """One way."""
        self.jitterMs = 0.0
        """The delay varies evenly by this much to either side. Packets keep their order, as on a queue."""
        self.loss = 0.0
        """Share of packets that are dropped at random."""
        self.bitsPerSecond = 0
        """0 is no limit. Each direction has its own."""
        self.bufferBytes = 65_536
        """What waits for the rate limit; more is dropped at the tail."""
        self.cut = False
        """Nothing arrives."""

    def set(self, changes):
        for name, value in changes.items():
            if name not in self.__dict__:
                raise ValueError(f"a link has no property {name!r}")
            setattr(self, name, value)


class Side:
    """A namespace with one TUN device."""

    def __init__(self, name, number, original):
        self.name = name
        self.address = f"10.77.0.{number}"
        checked(libc.unshare(CLONE_NEWNET), "a network namespace cannot be made (root is needed)")
        try:
            self.namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
            without_ipv6()
            ip("link", "set", "lo", "up")
            ip("address", "add", f"{self.address}/24", "dev", DEVICE)
            ip("link", "set", DEVICE, "mtu", str(MTU), "up")
        finally:
            checked(libc.setns(original, CLONE_NEWNET), "the way back to the first namespace is barred")


def without_ipv6():
    """Its neighbour discovery would only add packets to count."""
    try:
        with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w") as file:
            file.write("1")
    except OSError:
        pass


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Path:
    """One direction between two sides."""

    def __init__(self):
        self.free_at = 0.0
        self.last_at = 0.0
        self.waits = []
        """For how long each packet since the last question stood before the rate limit, in milliseconds."""
        self.passed = 0
        """Bytes since the last question."""


class Network:
    def __init__(self, names, seed):
        original = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.profile = Profile()
        self.random = random.Random(seed)
        self.sides = [Side(name, i + 1, original) for i, name in enumerate(names)]
        self.by_address = {bytes(map(int, side.address.split("."))): side for side in self.sides}
        self.paths = {(a.name, b.name): Path() for a in self.sides for b in self.sides}
        self.queue = []  # (when, number, side, packet)
        self.number = 0
        self.counts = {"forwarded": 0, "bytes": 0, "lost": 0, "overflowed": 0, "cut": 0, "late": 0}
        self.asked_at = time.monotonic()

    def received(self, side, packet, now):
        if packet[0] >> 4 == 4:
            self.by_address[packet[12:16]] = side  # a side may have got another address
        to = self.by_address.get(packet[16:20]) if packet[0] >> 4 == 4 else None
        if to is None or to is side:
            return  # multicast and the like
        profile = self.profile
        if profile.cut:
            self.counts["cut"] += 1
            return
        if profile.loss and self.random.random() < profile.loss:
            self.counts["lost"] += 1
            return
        path = self.paths[side.name, to.name]
        leaves = now
        if profile.bitsPerSecond:
            start = max(now, path.free_at)
            if (start - now) * profile.bitsPerSecond / 8 > profile.bufferBytes:
                self.counts["overflowed"] += 1
                return
            leaves = path.free_at = start + len(packet) * 8 / profile.bitsPerSecond
            path.waits.append((start - now) * 1000)
            path.passed += len(packet)
        delay = profile.delayMs + self.random.uniform(-profile.jitterMs, profile.jitterMs)
        path.last_at = max(path.last_at, leaves + max(0.0, delay) / 1000)
        self.number += 1
        heapq.heappush(self.queue, (path.last_at, self.number, to, packet))

    def deliver(self, now):
        """Hands over what is due; returns how long to wait for the next, in seconds, or None."""
        while self.queue and self.queue[0][0] <= now:
            due, _, side, packet = heapq.heappop(self.queue)
            if self.profile.cut:
                self.counts["cut"] += 1
                continue
            self.counts["late"] = max(self.counts["late"], round((now - due) * 1000, 1))
            self.counts["forwarded"] += 1
            self.counts["bytes"] += len(packet)
            try:
                os.write(side.tun, packet)
            except OSError:
                self.counts["overflowed"] += 1
        return max(0.0, self.queue[0][0] - now) if self.queue else None

    def run(self, until):
        by_fd = {side.tun: side for side in self.sides}
        commands = b""
        while time.monotonic() < until:
            wait = self.deliver(time.monotonic())
            ready, _, _ = select.select([0, *by_fd], [], [], 1.0 if wait is None else min(wait, 1.0))
            for fd in ready:
                if fd == 0:
                    read = os.read(0, 65_536)
                    if not read:
                        return
                    *lines, commands = (commands + read).split(b"\n")
                    for line in lines:
                        self.command(json.loads(line))
                    continue
                for _ in range(64):
                    try:
                        packet = os.read(fd, 65_536)
                    except BlockingIOError:
                        break
                    self.received(by_fd[fd], packet, time.monotonic())

    def command(self, command):
        self.profile.set(command.get("set", {}))
        now = time.monotonic()
        answer({**self.counts, **self.queue_since(now)})
        self.counts["late"] = 0
        self.asked_at = now
        for path in self.paths.values():
            path.waits, path.passed = [], 0

    def queue_since(self, now):
        """How long packets stood before the rate limit since the last question, and how much of it was used, in the
        direction that carried the most."""
        path = max(self.paths.values(), key=lambda one: one.passed)
        waits = sorted(path.waits) or [0.0]
        carries = self.profile.bitsPerSecond / 8 * (now - self.asked_at)
        return {
            "queueP50": round(waits[len(waits) // 2], 1),
            "queueP99": round(waits[len(waits) * 99 // 100], 1),
            "used": round(path.passed / carries, 3) if carries else 0,
        }


def answer(value):
    print(json.dumps(value), flush=True)


def take_priority():
    """A link does not slow down since the machine is busy. Its own work is small."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lifetime", type=float, default=120, help="seconds after which it ends by itself")
    parser.add_argument("--seed", type=int, default=1, help="of what is dropped and how delays vary")
    parser.add_argument("sides", nargs="+")
    options = parser.parse_args()
    try:
        network = Network(options.sides, options.seed)
    except OSError as error:
        answer({"problem": str(error)})
        sys.exit(1)
    take_priority()
    answer({"sides": {
        side.name: {"address": side.address, "namespace": f"/proc/{os.getpid()}/fd/{side.namespace}"}
        for side in network.sides
    }})
    network.run(time.monotonic() + options.lifetime)


if __name__ == "__main__":
    main()

"""Differences on the state lane, written from docs/PROTOCOL.md section 17.5."""

from wire import BadFrame, decode_batch, decode_state, read_varint, varint

KEPT_VALUES = 4
KEPT_OVERHEAD_BYTES = 64
MAX_VALUE_BYTES = 8_192
MAX_UNPACKED_BYTES = 65_536


class TooMuch(Exception):
    """A message whose values come to too many bytes: limit_exceeded."""


def apply(base, rows):
    """The value that `rows` make of `base`."""
    value, at, place = bytearray(base), 0, 0
    while at < len(rows):
        skip, at = read_varint(rows, at)
        count, at = read_varint(rows, at)
        place += skip
        if count == 0 or at + count > len(rows) or place + count > len(base):
            raise BadFrame(f"a row of {count} bytes at {place}")
        value[place : place + count] = rows[at : at + count]
        at, place = at + count, place + count
    return bytes(value)


def make(base, value):
    """The rows that make `value` of `base`, which is as long: changes with one equal byte between them share one."""
    changed = [i for i in range(len(value)) if base[i] != value[i]]
    rows, done = bytearray(), 0
    while changed:
        first = last = changed.pop(0)
        while changed and changed[0] <= last + 2:
            last = changed.pop(0)
        rows += varint(first - done) + varint(last + 1 - first) + value[first : last + 1]
        done = last + 1
    return bytes(rows)


class Receiver:
    """Takes state frames in and keeps what differences may refer to."""

    def __init__(self, kept_bytes):
        self.kept_bytes = kept_bytes
        self.kept = {}  # (feed, channel, message) to the value, in the order in which they came

    def receive(self, data):
        """The samples that can be placed, with their feeds, and whether the message may be confirmed."""
        message, sections = decode_state(data)
        samples, complete, unpacked = [], True, 0
        for section in sections:
            differs = len(section) > 1 and section[1] == 2
            feed, _, records = decode_batch(section, 2 if differs else 1)
            for channel, offset, time_us, payload in records:
                value = self.value(message, feed, channel, payload) if differs else payload
                if value is None:
                    complete = False
                    continue
                if differs:
                    unpacked += len(value)
                    if unpacked > MAX_UNPACKED_BYTES:
                        raise TooMuch(f"{unpacked} bytes in message {message}")
                    if payload[0] & 1:
                        self.keep(feed, channel, message, value)
                samples.append((feed, channel, offset, time_us, value))
        return samples, complete

    def value(self, message, feed, channel, payload):
        head, at = read_varint(payload, 0)
        back = head // 2
        if back >= message:
            raise BadFrame(f"message {message} names one {back} before it")
        if back == 0:
            if len(payload) - at > MAX_VALUE_BYTES:
                raise BadFrame(f"a value of {len(payload) - at} bytes")
            return payload[at:]
        base = self.kept.get((feed, channel, message - back))
        return None if base is None else apply(base, payload[at:])

    def keep(self, feed, channel, message, value):
        self.kept.setdefault((feed, channel, message), value)
        own = sorted(key for key in self.kept if key[:2] == (feed, channel))
        for key in own[:-KEPT_VALUES]:
            del self.kept[key]
        while sum(len(one) + KEPT_OVERHEAD_BYTES for one in self.kept.values()) > self.kept_bytes:
            del self.kept[next(iter(self.kept))]

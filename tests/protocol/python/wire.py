"""Binary frames of protocol version 1, written from docs/PROTOCOL.md section 5."""

import struct

MAX_NUMBER = 2**53 - 1
MAX_PAYLOAD_BYTES = 131_072


class BadFrame(Exception):
    """A binary message that is no valid frame: close code 4500, bad_frame."""


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data, at):
    """The number at `at`, and the position behind it."""
    number = 0
    for length in range(8):
        if at + length >= len(data):
            raise BadFrame(f"{len(data)} bytes end inside the number at byte {at}")
        byte = data[at + length]
        number |= (byte & 0x7F) << (7 * length)
        if byte < 0x80:
            if byte == 0 and length > 0:
                raise BadFrame(f"the number at byte {at} is longer than it needs to be")
            if number > MAX_NUMBER:
                break
            return number, at + length + 1
    raise BadFrame(f"the number at byte {at} is above 2^53 - 1")


def zigzag(number):
    return 2 * number if number >= 0 else -2 * number - 1


def unzigzag(number):
    return number // 2 if number % 2 == 0 else -(number + 1) // 2


def encode_batch(samples, feed=0, recorded=False):
    """`samples`: tuples of channel, sequence, time in microseconds, payload."""
    base = samples[0][2] if samples else 0
    parts = [struct.pack("<BBQ", 1, 1 if recorded else 0, base), varint(feed)]
    for channel, sequence, time_us, payload in samples:
        parts += [varint(channel), varint(sequence), varint(zigzag(time_us - base)), varint(len(payload)), payload]
    return b"".join(parts)


def decode_batch(data, allowed_flags=1):
    """Feed, whether recorded, and the samples as tuples like those of `encode_batch`."""
    if len(data) < 10 or data[0] != 1:
        raise BadFrame("not a batch")
    if data[1] & ~allowed_flags:
        raise BadFrame(f"unknown flags {data[1]}")
    (base,) = struct.unpack_from("<Q", data, 2)
    if base > MAX_NUMBER:
        raise BadFrame("the base time is above 2^53 - 1")
    feed, at = read_varint(data, 10)
    samples = []
    while at < len(data):
        channel, at = read_varint(data, at)
        sequence, at = read_varint(data, at)
        delta, at = read_varint(data, at)
        size, at = read_varint(data, at)
        if size > MAX_PAYLOAD_BYTES:
            raise BadFrame(f"a payload of {size} bytes is above {MAX_PAYLOAD_BYTES}")
        if at + size > len(data):
            raise BadFrame(f"a payload of {size} bytes reaches past the end")
        time_us = base + unzigzag(delta) if base else 0
        if not 0 <= time_us <= MAX_NUMBER:
            raise BadFrame(f"the time {time_us} is out of range")
        samples.append((channel, sequence, time_us, bytes(data[at : at + size])))
        at += size
    return feed, data[1] == 1, samples


def encode_ack(pairs):
    return b"\x02" + b"".join(varint(channel) + varint(sequence) for channel, sequence in pairs)


def decode_ack(data):
    if not data or data[0] != 2:
        raise BadFrame("not an acknowledgement")
    at, pairs = 1, []
    while at < len(data):
        channel, at = read_varint(data, at)
        sequence, at = read_varint(data, at)
        pairs.append((channel, sequence))
    return pairs


def decode_state(data):
    """A message of the state lane: its number and the batch frames inside."""
    if data[:1] != b"\x03":
        raise BadFrame("not a state frame")
    number, at = read_varint(data, 1)
    if number == 0:
        raise BadFrame("messages count from 1")
    batches = []
    while at < len(data):
        length, at = read_varint(data, at)
        if at + length > len(data):
            raise BadFrame("a section reaches past the end")
        batches.append(data[at : at + length])
        at += length
    return number, batches


def encode_state(number, batches):
    return b"\x03" + varint(number) + b"".join(varint(len(batch)) + batch for batch in batches)


def decode_confirmation(data):
    """How long it was held back in µs, and the numbers confirmed, the highest first."""
    if data[:1] != b"\x04":
        raise BadFrame("not a confirmation")
    highest, at = read_varint(data, 1)
    if highest == 0:
        raise BadFrame("messages count from 1")
    held, at = read_varint(data, at)
    bits = data[at:]
    if len(bits) > 32:
        raise BadFrame("the map is longer than 32 bytes")
    older = [highest - 1 - i for i in range(8 * len(bits)) if bits[i // 8] >> (i % 8) & 1]
    return held, [highest] + [number for number in older if number > 0]

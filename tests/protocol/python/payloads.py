"""Payload encodings of protocol version 1, written from docs/PROTOCOL.md section 12 and the RFCs it names."""

import base64
import json
import struct

MAX_DEPTH = 64
SAFE = 2**53 - 1
TYPES = {
    "u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i",
    "u64": "Q", "i64": "q", "f32": "f", "f64": "d", "bool": "?",
}  # fmt: skip


class BadPayload(Exception):
    """A payload that does not fit its encoding."""


def integer(value):
    return value if -SAFE <= value <= SAFE else str(value)


def floats(code, data):
    size = struct.calcsize(code)
    if len(data) % size:
        raise BadPayload(f"{len(data)} bytes are no multiple of {size}")
    values = list(struct.unpack(f"<{len(data) // size}{code}", data))
    return values[0] if len(values) == 1 else values


def packed(fields, data):
    code = "<" + "".join(f"{field.get('count', 1)}{TYPES[field['type']]}" for field in fields)
    if struct.calcsize(code) != len(data):
        raise BadPayload(f"{len(data)} bytes, the fields take {struct.calcsize(code)}")
    values = [integer(value) if type(value) is int else value for value in struct.unpack(code, data)]
    result = {}
    for field in fields:
        count = field.get("count", 1)
        own, values = values[:count], values[count:]
        result[field["name"]] = own[0] if count == 1 else own
    return result


class Reader:
    """Reads a self-describing encoding item by item."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise BadPayload(f"{len(self.data)} bytes are cut short")
        piece = self.data[self.at : self.at + size]
        self.at += size
        return piece

    def unpack(self, code):
        return struct.unpack(">" + code, self.take(struct.calcsize(code)))[0]

    def whole(self, read):
        value = read(0)
        if self.at != len(self.data):
            raise BadPayload("something follows the item")
        return value

    def items(self, count, depth, read):
        if depth >= MAX_DEPTH or count > len(self.data) - self.at:
            raise BadPayload("too deep, or more items than bytes")
        return [read(depth + 1) for _ in range(count)]

    def cbor(self, depth):
        head = self.unpack("B")
        major, info = head >> 5, head & 0x1F
        if major == 7:
            simple = {20: False, 21: True, 22: None, 23: None}
            if info in simple:
                return simple[info]
            if info in (25, 26, 27):
                return self.unpack("efd"[info - 25])
            raise BadPayload(f"simple value {info}")
        if info == 31:
            return self.cbor_unknown_length(major, depth)
        if info > 27:
            raise BadPayload(f"head {head:02x}")
        argument = info if info < 24 else self.unpack("BHIQ"[info - 24])
        if major < 2:
            return integer(argument if major == 0 else -1 - argument)
        if major == 2:
            return bytes(self.take(argument))
        if major == 3:
            return str(self.take(argument), "utf-8")
        if major == 6:
            return self.items(1, depth, self.cbor)[0]
        if major == 4:
            return self.items(argument, depth, self.cbor)
        flat = self.items(argument * 2, depth, self.cbor)
        return {str(key): value for key, value in zip(flat[::2], flat[1::2])}

    def cbor_unknown_length(self, major, depth):
        flat = []
        while self.at < len(self.data) and self.data[self.at] != 0xFF:
            flat += self.items(1, depth, self.cbor)
        self.take(1)
        if major == 2:
            return b"".join(flat)
        if major == 3:
            return "".join(flat)
        if major == 4:
            return flat
        return {str(key): value for key, value in zip(flat[::2], flat[1::2])}

    def msgpack(self, depth):
        head = self.unpack("B")
        if head < 0x80:
            return head
        if head >= 0xE0:
            return head - 256
        if head < 0x90:
            return self.msgpack_map(head & 0x0F, depth)
        if head < 0xA0:
            return self.items(head & 0x0F, depth, self.msgpack)
        if head < 0xC0:
            return str(self.take(head & 0x1F), "utf-8")
        if head in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[head]
        if head in (0xC4, 0xC5, 0xC6):
            return bytes(self.take(self.unpack("BHI"[head - 0xC4])))
        if 0xCA <= head <= 0xD3:
            value = self.unpack("fdBHIQbhiq"[head - 0xCA])
            return integer(value) if head >= 0xCC else value
        if head in (0xD9, 0xDA, 0xDB):
            return str(self.take(self.unpack("BHI"[head - 0xD9])), "utf-8")
        if head in (0xDC, 0xDD):
            return self.items(self.unpack("HI"[head - 0xDC]), depth, self.msgpack)
        if head in (0xDE, 0xDF):
            return self.msgpack_map(self.unpack("HI"[head - 0xDE]), depth)
        raise BadPayload(f"head {head:02x}")

    def msgpack_map(self, count, depth):
        flat = self.items(count * 2, depth, self.msgpack)
        return {str(key): value for key, value in zip(flat[::2], flat[1::2])}


LABELS = {
    "-1": "bver", "-2": "bn", "-3": "bt", "-4": "bu", "-5": "bv", "-6": "bs",
    "0": "n", "1": "u", "2": "v", "3": "vs", "4": "vb", "5": "s", "6": "t", "7": "ut", "8": "vd",
}  # fmt: skip


def senml(pack):
    base, records = {}, []
    for record in pack:
        base.update({key: value for key, value in record.items() if key in ("bn", "bt", "bu", "bv", "bs")})
        if all(key.startswith("b") for key in record):
            continue
        out = {"name": base.get("bn", "") + record.get("n", "")}
        if not out["name"]:
            raise BadPayload("a record without a name")
        if "t" in record or "bt" in base:
            out["time"] = base.get("bt", 0) + record.get("t", 0)
        if "u" in record or "bu" in base:
            out["unit"] = record.get("u", base.get("bu"))
        for key in ("vs", "vb"):
            if key in record:
                out["value"] = record[key]
        if "vd" in record:
            data = record["vd"]
            out["value"] = data if isinstance(data, bytes) else base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
        if "v" in record or ("bv" in base and "value" not in out):
            out["value"] = base.get("bv", 0) + record.get("v", 0)
        if "s" in record or "bs" in base:
            out["sum"] = base.get("bs", 0) + record.get("s", 0)
        if "value" not in out and "sum" not in out:
            raise BadPayload("a record without a value")
        records.append(out)
    return records


def read_json(data):
    depth, in_string, escaped = 0, False, False
    for byte in data:
        if in_string:
            in_string = escaped or byte != 0x22
            escaped = not escaped and byte == 0x5C
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise BadPayload("nested too deep")
        elif byte in b"]}":
            depth -= 1
    return json.loads(str(data, "utf-8"))


def labelled(pack):
    return [{LABELS.get(key, key): value for key, value in record.items()} for record in pack]


def decode(encoding, fields, data):
    reader = Reader(data)
    decoders = {
        "raw": lambda: data,
        "utf8": lambda: str(data, "utf-8"),
        "json": lambda: read_json(data),
        "cbor": lambda: reader.whole(reader.cbor),
        "msgpack": lambda: reader.whole(reader.msgpack),
        "f32": lambda: floats("f", data),
        "f64": lambda: floats("d", data),
        "struct": lambda: packed(fields, data),
        "senml+json": lambda: senml(read_json(data)),
        "senml+cbor": lambda: senml(labelled(reader.whole(reader.cbor))),
    }
    try:
        return decoders[encoding]()
    except ValueError as error:
        raise BadPayload(str(error)) from None

"""A Sparkplug host's eye, written from the specification alone: reads and writes the Protocol Buffers messages by hand.

decode: lines of `topic qos retain hex` on stdin, one JSON object a line on stdout.
encode: one JSON object on stdin, the payload's bytes on stdout.
encode-lines: JSON objects on stdin, one a line, each payload as a line of hexadecimal digits on stdout.
"""
import json
import struct
import sys

PAYLOAD = {1: ("timestamp", "varint"), 2: ("metrics", "metric"), 3: ("seq", "varint"), 4: ("uuid", "text")}
METRIC = {
    1: ("name", "text"), 2: ("alias", "varint"), 3: ("timestamp", "varint"), 4: ("datatype", "varint"),
    5: ("is_historical", "bool"), 6: ("is_transient", "bool"), 7: ("is_null", "bool"),
    9: ("properties", "propertyset"),
    10: ("int_value", "varint"), 11: ("long_value", "varint"), 12: ("float_value", "float"),
    13: ("double_value", "double"), 14: ("boolean_value", "bool"), 15: ("string_value", "text"),
    16: ("bytes_value", "hex"),
}
PROPERTY_SET = {1: ("keys", "texts"), 2: ("values", "property")}
PROPERTY = {
    1: ("type", "varint"), 2: ("is_null", "bool"), 3: ("int_value", "varint"), 4: ("long_value", "varint"),
    5: ("float_value", "float"), 6: ("double_value", "double"), 7: ("boolean_value", "bool"),
    8: ("string_value", "text"),
}
WIRE_TYPES = {
    "varint": 0, "bool": 0, "double": 1, "float": 5, "text": 2, "texts": 2, "hex": 2, "metric": 2,
    "propertyset": 2, "property": 2,
}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a varint of more than ten bytes")


def message(data, members):
    """The message as a dictionary; anything unknown or of a wrong wire type is an error: nothing else is expected."""
    found, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        name, kind = members[tag >> 3]
        if tag & 7 != WIRE_TYPES[kind]:
            raise ValueError(f"{name} has the wire type {tag & 7}")
        if tag & 7 == 0:
            value, at = varint(data, at)
            value = bool(value) if kind == "bool" else value
        else:
            if tag & 7 == 2:
                size, at = varint(data, at)
            else:
                size = 8 if tag & 7 == 1 else 4
            part, at = data[at:at + size], at + size
            if len(part) != size:
                raise ValueError(f"{name} is cut off")
            value = {
                "text": lambda: part.decode("utf-8"), "texts": lambda: part.decode("utf-8"), "hex": part.hex,
                "double": lambda: struct.unpack("<d", part)[0], "float": lambda: struct.unpack("<f", part)[0],
                "metric": lambda: metric(part), "propertyset": lambda: properties(part),
                "property": lambda: message(part, PROPERTY),
            }[kind]()
        if kind in ("texts", "metric", "property"):
            found.setdefault(name, []).append(value)
        elif name in found:
            raise ValueError(f"{name} twice")
        else:
            found[name] = value
    return found


def metric(data):
    found = message(data, METRIC)
    values = [name for name in found if name.endswith("_value")]
    if len(values) > 1:
        raise ValueError(f"several values: {values}")
    if values:
        found["wire"] = values[0][:-len("_value")]
        found["value"] = found.pop(values[0])
    return found


def properties(data):
    found = message(data, PROPERTY_SET)
    return {"keys": found.get("keys", []), "values": found.get("values", [])}


def put_varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def put(number, kind, value):
    head = put_varint(number << 3 | WIRE_TYPES[kind])
    if kind in ("varint", "bool"):
        return head + put_varint(int(value) & 0xFFFFFFFFFFFFFFFF)
    if kind == "double":
        return head + struct.pack("<d", value)
    if kind == "float":
        return head + struct.pack("<f", value)
    part = bytes.fromhex(value) if kind == "hex" else value.encode("utf-8")
    return head + put_varint(len(part)) + part


def put_message(number, part):
    return put_varint(number << 3 | 2) + put_varint(len(part)) + part


def put_properties(values):
    """Texts and truths by their names, with the datatypes String and Boolean."""
    out = b"".join(put(1, "text", name) for name in values)
    for value in values.values():
        truth = isinstance(value, bool)
        one = put(1, "varint", 11) + put(7, "bool", value) if truth else put(1, "varint", 12) + put(8, "text", value)
        out += put_message(2, one)
    return out


def encode(payload):
    out = put(1, "varint", payload["timestamp"]) if "timestamp" in payload else b""
    numbers = {name: (number, kind) for number, (name, kind) in METRIC.items()}
    for one in payload["metrics"]:
        part = b"".join(
            put_message(9, put_properties(value)) if name == "properties" else put(*numbers[name], value)
            for name, value in one.items()
        )
        out += put_message(2, part)
    return out + (put(3, "varint", payload["seq"]) if "seq" in payload else b"")


def decode_lines():
    for line in sys.stdin:
        if line.startswith("Subscribed"):
            print('{"subscribed":true}', flush=True)
        if not line.startswith("spBv1.0/"):
            continue
        topic, qos, retain, payload = (line.rstrip("\n").split(" ") + [""])[:4]
        caught = {"topic": topic, "qos": int(qos), "retain": retain == "1"}
        verb = topic.split("/")[2]
        try:
            data = bytes.fromhex(payload)
            if topic.split("/")[1] != "STATE" and verb[1:] in ("BIRTH", "DATA", "DEATH", "CMD"):
                caught.update(message(data, PAYLOAD))
                caught.setdefault("metrics", [])
        except Exception as error:  # the test shows it
            caught["problem"] = repr(error)
        print(json.dumps(caught), flush=True)


if sys.argv[1] == "decode":
    decode_lines()
elif sys.argv[1] == "encode-lines":
    for line in sys.stdin:
        print(encode(json.loads(line)).hex())
else:
    sys.stdout.buffer.write(encode(json.load(sys.stdin)))

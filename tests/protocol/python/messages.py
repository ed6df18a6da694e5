"""Control messages of protocol version 1, checked by tables written from docs/PROTOCOL.md section 4."""

import json

MAX_NUMBER = 2**53 - 1


class Refused(Exception):
    """A text message that is no valid control message. `name` is that of the close code."""

    def __init__(self, name, message):
        super().__init__(message)
        self.name = name


def bad(message):
    return Refused("bad_message", message)


def text(limit):
    def check(value):
        if not isinstance(value, str) or len(value.encode("utf-16-le", "surrogatepass")) // 2 > limit:
            raise bad(f"no text of at most {limit} characters: {value!r:.80}")
        return value

    return check


def number(low=0, high=MAX_NUMBER):
    def check(value):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
            raise bad(f"no whole number: {value!r:.80}")
        if not low <= value <= high:
            raise bad(f"{value} is not from {low} to {high}")
        return int(value)

    return check


def real(low, high):
    def check(value):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise bad(f"no number from {low} to {high}: {value!r:.80}")
        return value

    return check


def boolean(value):
    if not isinstance(value, bool):
        raise bad(f"neither true nor false: {value!r:.80}")
    return value


def anything(value):
    return value


def sized(limit):
    def check(value):
        size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
        if size > limit:
            raise Refused("limit_exceeded", f"{size} bytes of JSON are above {limit}")
        return value

    return check


def one_of(*options):
    def check(value):
        if not isinstance(value, str) or value not in options:
            raise bad(f"none of {options}: {value!r:.80}")
        return value

    return check


def array(item, limit):
    def check(value):
        if not isinstance(value, list):
            raise bad(f"no array: {value!r:.80}")
        if len(value) > limit:
            raise Refused("limit_exceeded", f"{len(value)} items are above {limit}")
        return [item(entry) for entry in value]

    return check


def mapping(item, limit):
    def check(value):
        if not isinstance(value, dict):
            raise bad(f"no object: {value!r:.80}")
        if len(value) > limit:
            raise Refused("limit_exceeded", f"{len(value)} entries are above {limit}")
        return {key: item(entry) for key, entry in value.items()}

    return check


def record(**fields):
    """An object; a name that ends in `_` may be missing. Unknown properties are left out."""

    def check(value):
        if not isinstance(value, dict):
            raise bad(f"no object: {value!r:.80}")
        result = {}
        for name, shape in fields.items():
            optional, name = name.endswith("_"), name.rstrip("_")
            if name in value:
                result[name] = shape(value[name])
            elif not optional:
                raise bad(f"{name} is missing")
        return result

    return check


def beginning(value):
    if isinstance(value, str):
        return one_of("snapshot", "live")(value)
    position = record(epoch=text(64), offset=number())
    return record(time_=number(-MAX_NUMBER), positions_=mapping(position, 100_000), state_=one_of("newest"))(value)


TOPIC = text(256)
CHANNEL = number(0, 1_048_575)
CLASS = one_of("state", "event")
ENCODING = one_of("raw", "json", "cbor", "msgpack", "utf8", "f32", "f64", "struct", "senml+json", "senml+cbor")
FIELDS = array(
    record(
        name=text(64),
        type=one_of("u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "bool"),
        unit_=text(32),
        count_=number(1, 65_536),
    ),
    256,
)
RESUME = record(session=text(64), token=text(128))
LIMITS = record(
    **{
        name: number(0)
        for name in (
            "maxMessageBytes maxPayloadBytes maxControlBytes maxChannels maxSubscriptions maxPatterns "
            "maxUnackedBytes resumeWithinMs idleTimeoutMs pingIntervalMs"
        ).split()
    }
)
BOTH = {
    "ping": record(id_=number()),
    "pong": record(id_=number()),
    "clock": record(t=number()),
    "clock_reply": record(t=number(), at=number()),
    "error": record(
        code=text(64),
        message=text(1024),
        ref_=record(channel_=CHANNEL, id_=number(), topic_=TOPIC, type_=text(32)),
    ),
    "bye": record(code_=number(1000, 4999), reason_=text(1024), reconnect_=boolean),
    "offer": record(sdp=text(65_536)),
    "answer": record(sdp=text(65_536)),
    "candidate": record(candidate_=anything),
    "reject": record(reason=text(1024)),
    "moved": record(to=one_of("websocket", "webrtc"), cause=text(1024)),
}
WELCOME = record(
    protocol=number(1, 1),
    gateway=text(64),
    epoch=text(64),
    session=text(64),
    resume=text(128),
    resumed=boolean,
    time=number(),
    limits=LIMITS,
    device_=text(64),
    rights_=record(read=array(TOPIC, 256), write=array(TOPIC, 256)),
    keptBytes_=number(),
    iceServers_=array(record(urls=array(text(256), 8), username_=text(256), credential_=text(256)), 16),
)
MESSAGES = {
    "device-to-gateway": {
        "hello": record(
            protocol=number(1, 1),
            client_=text(128),
            producer_=text(64),
            clock_=one_of("gateway", "device", "arrival"),
            resume_=RESUME,
            enrol_=record(device=text(64), description_=text(256)),
        ),
        "advertise": record(
            channels=array(
                record(
                    channel=CHANNEL,
                    topic=TOPIC,
                    class_=CLASS,
                    encoding_=ENCODING,
                    unit_=text(32),
                    fields_=FIELDS,
                    schema_=sized(32_768),
                    writable_=boolean,
                ),
                4096,
            )
        ),
        "unadvertise": record(channels=array(CHANNEL, 4096)),
        "result": record(channel=CHANNEL, sequence=number(), ok=boolean, message_=text(1024), value_=sized(131_072)),
    },
    "gateway-to-device": {
        "welcome": WELCOME,
        "advertised": record(channels=array(record(channel=CHANNEL, topic=TOPIC, last_=number()), 4096)),
        "enrolment": record(status=one_of("pending"), code=text(16)),
        "enrolled": record(device=text(64), token=text(128)),
    },
    "dashboard-to-gateway": {
        "hello": record(protocol=number(1, 1), client_=text(128), resume_=RESUME, keptBytes_=number()),
        "subscribe": record(
            id=number(0, 2**32 - 1),
            patterns=array(TOPIC, 64),
            from_=beginning,
            maxHz_=real(0.001, 10_000),
            maxStaleMs_=number(1, 3_600_000),
        ),
        "unsubscribe": record(id=number(0, 2**32 - 1)),
        "write": record(
            id=number(), topic=TOPIC, value_=anything, base64_=text(262_144), timeoutMs_=number(1, 600_000)
        ),
    },
    "gateway-to-dashboard": {
        "welcome": WELCOME,
        "subscribed": record(id=number(), feed=number(1), live=boolean),
        "unsubscribed": record(id=number()),
        "channels": record(
            channels=array(
                record(
                    **{"class": CLASS},
                    channel=number(),
                    topic=TOPIC,
                    encoding=ENCODING,
                    unit_=text(32),
                    fields_=FIELDS,
                    schema_=anything,
                    writable=boolean,
                    epoch=text(64),
                ),
                100_000,
            )
        ),
        "gap": record(
            **{"from": number()},
            topic=TOPIC,
            epoch=text(64),
            to=number(),
            reason=one_of("retention", "crash", "device", "overload", "epoch"),
        ),
        "skipped": record(id=number(), counts=mapping(number(), 3)),
        "result": record(
            id=number(),
            status=one_of("accepted", "done", "failed", "timeout"),
            message_=text(1024),
            value_=anything,
        ),
    },
}


def nests_too_deep(message):
    depth, in_string, escaped = 0, False, False
    for character in message:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > 64:
                return True
        elif character in "]}":
            depth -= 1
    return False


def parse(direction, message):
    """The message with its known properties, `Refused`, or None where a gateway of later days says more."""
    size = len(message.encode())
    if size > 262_144:
        raise Refused("limit_exceeded", f"{size} bytes are above 262144")
    if nests_too_deep(message):
        raise bad("nested deeper than 64")
    try:
        value = json.loads(message)
    except ValueError as error:
        raise bad(str(error)) from None
    shapes = {**BOTH, **MESSAGES[direction]}
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind not in shapes and direction.startswith("gateway"):
        return None
    if not isinstance(kind, str) or kind not in shapes:
        raise bad(f"unknown type {kind!r:.80}")
    return {"type": kind, **shapes[kind](value)}

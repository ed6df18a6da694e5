"""Runs protocol/vectors.json against this folder's implementation: `vectors.py FILE`.

Prints one JSON object: how many vectors of each list agree, and which do not.
"""

import json
import sys

import differences
import messages
import payloads
import wire


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def refused(error, run):
    """`run` must raise `error`, and nothing else."""
    try:
        value = run()
    except error as caught:
        return caught
    raise AssertionError(f"taken as {value!r:.200}")


def check_varint(vector):
    data = bytes.fromhex(vector["bytes"])
    if "error" in vector:
        refused(wire.BadFrame, lambda: wire.read_varint(data, 0))
        return
    expect(wire.read_varint(data, 0) == (vector["value"], len(data)), "read otherwise")
    expect(wire.varint(vector["value"]) == data, "written otherwise")


def check_batch(vector):
    data = bytes.fromhex(vector["bytes"])
    if "error" in vector:
        refused(wire.BadFrame, lambda: wire.decode_batch(data))
        return
    samples = [
        (sample["channel"], sample["sequence"], sample["timeUs"], bytes.fromhex(sample["payload"]))
        for sample in vector["samples"]
    ]
    expect(wire.decode_batch(data) == (vector["feed"], vector["recorded"], samples), "read otherwise")
    if vector.get("canonical", True):
        expect(wire.encode_batch(samples, vector["feed"], vector["recorded"]) == data, "written otherwise")


def check_ack(vector):
    data = bytes.fromhex(vector["bytes"])
    if "error" in vector:
        refused(wire.BadFrame, lambda: wire.decode_ack(data))
        return
    pairs = [(ack["channel"], ack["sequence"]) for ack in vector["acks"]]
    expect(wire.decode_ack(data) == pairs, "read otherwise")
    expect(wire.encode_ack(pairs) == data, "written otherwise")


def check_state(vector):
    data = bytes.fromhex(vector["bytes"])
    if "error" in vector:
        refused(wire.BadFrame, lambda: wire.decode_state(data))
        return
    batches = [bytes.fromhex(batch) for batch in vector["batches"]]
    expect(wire.decode_state(data) == (vector["number"], batches), "read otherwise")
    expect(wire.encode_state(vector["number"], batches) == data, "written otherwise")


def check_confirmation(vector):
    data = bytes.fromhex(vector["bytes"])
    if "error" in vector:
        refused(wire.BadFrame, lambda: wire.decode_confirmation(data))
        return
    expect(wire.decode_confirmation(data) == (vector["heldUs"], vector["numbers"]), "read otherwise")


def check_difference(vector):
    base, data = bytes.fromhex(vector["base"]), bytes.fromhex(vector["bytes"])
    if "error" in vector:
        refused(wire.BadFrame, lambda: differences.apply(base, data))
        return
    value = bytes.fromhex(vector["value"])
    expect(differences.apply(base, data) == value, "read otherwise")
    if vector.get("canonical", True):
        expect(differences.make(base, value) == data, "written otherwise")


def check_lane(vector):
    receiver = differences.Receiver(1_000)
    for message in vector["messages"]:
        data = bytes.fromhex(message["bytes"])
        if message.get("error") == "bad_frame":
            refused(wire.BadFrame, lambda: receiver.receive(data))
        elif "error" in message:
            refused(differences.TooMuch, lambda: receiver.receive(data))
        else:
            samples = [
                (one["feed"], one["channel"], one["offset"], one["timeUs"], bytes.fromhex(one["payload"]))
                for one in message["samples"]
            ]
            expect(receiver.receive(data) == (samples, message["confirmed"]), "read otherwise")


def check_message(vector):
    repeat = vector.get("repeat")
    text = repeat["head"] + repeat["unit"] * repeat["count"] + repeat["tail"] if repeat else vector["text"]
    if "error" in vector:
        error = refused(messages.Refused, lambda: messages.parse(vector["direction"], text))
        expect(error.name == vector["error"], f"refused as {error.name}: {error}")
        return
    found = messages.parse(vector["direction"], text)
    expect(found == vector["message"], f"read as {found!r:.200}")


def written(value):
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, list):
        return [written(entry) for entry in value]
    if isinstance(value, dict):
        return {key: written(entry) for key, entry in value.items()}
    return value


def check_payload(vector):
    data = bytes.fromhex(vector["bytes"])

    def decode():
        return payloads.decode(vector["encoding"], vector.get("fields"), data)

    if "error" in vector:
        refused(payloads.BadPayload, decode)
        return
    found = written(decode())
    expect(found == vector["value"], f"read as {found!r:.200}")


CHECKS = {
    "varints": check_varint,
    "batches": check_batch,
    "acks": check_ack,
    "states": check_state,
    "confirmations": check_confirmation,
    "differences": check_difference,
    "lanes": check_lane,
    "messages": check_message,
    "payloads": check_payload,
}


def main(path):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    passed, failed = {}, []
    for name, check in CHECKS.items():
        passed[name] = 0
        for number, vector in enumerate(vectors[name]):
            try:
                check(vector)
                passed[name] += 1
            except Exception as error:  # any failure of the implementation is a finding
                title = vector.get("name", vector.get("bytes"))
                failed.append(f"{name}[{number}] {title}: {type(error).__name__}: {error}")
    print(json.dumps({"passed": passed, "failed": failed}, indent=2))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

/** protocol/vectors.json is up to date, and our codec agrees with it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { readFile } from "node:fs/promises";
import { decodeAck, encodeAck } from "../../protocol/ack.ts";
import { BatchReader, BatchWriter } from "../../protocol/batch.ts";
import { MESSAGE_TYPES } from "../../protocol/control.ts";
import { applyDifference, writeDifference } from "../../protocol/difference.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { confirmedNumbers, decodeConfirmation, readState } from "../../protocol/state_frame.ts";
import { StateReceiver } from "../../protocol/state_receiver.ts";
import { Cursor, writeVarint } from "../../protocol/varint.ts";
import { decode } from "../../payload/decode.ts";
import { encode } from "../../payload/encode.ts";
import { PayloadError } from "../../payload/payload.ts";
import { hex, unhex } from "../support/hex.ts";
import { VECTORS_FILE, vectorsText } from "./make_vectors.ts";
import { PARSERS } from "./parsers.ts";
import type { AckVector, BatchVector, VarintVector } from "./vectors/frames.ts";
import type {
  ConfirmationVector,
  DifferenceVector,
  LaneVector,
  PlacedSample,
  StateVector,
} from "./vectors/lane.ts";
import type { MessageVector } from "./vectors/messages.ts";
import type { PayloadVector } from "./vectors/payloads.ts";

interface Vectors {
  varints: VarintVector[];
  batches: BatchVector[];
  acks: AckVector[];
  states: StateVector[];
  confirmations: ConfirmationVector[];
  differences: DifferenceVector[];
  lanes: LaneVector[];
  messages: MessageVector[];
  payloads: PayloadVector[];
}

const text = await readFile(VECTORS_FILE, "utf8");
const vectors = JSON.parse(text) as Vectors;

function refused(run: () => unknown, name: string, what: string): void {
  const error = assertThrows(run, ProtocolError);
  assertEquals(error.close.name, name, `${what}: ${error.message}`);
}

Deno.test("protocol/vectors.json is what make_vectors.ts writes", async () => {
  assertEquals(text, await vectorsText());
});

Deno.test("the codec agrees with every varint vector", () => {
  for (const vector of vectors.varints) {
    const cursor = new Cursor(unhex(vector.bytes));
    if ("error" in vector) {
      refused(() => cursor.varint(), vector.error, vector.bytes);
      continue;
    }
    assertEquals(cursor.varint(), vector.value);
    assertEquals(cursor.at, cursor.end);
    const bytes = new Uint8Array(8);
    assertEquals(hex(bytes.subarray(0, writeVarint(bytes, 0, vector.value))), vector.bytes);
  }
});

function readBatch(frame: Uint8Array) {
  const reader = new BatchReader();
  reader.open(frame);
  const samples = [];
  while (reader.next()) {
    const { channel, sequence, timeUs, start, end } = reader;
    samples.push({ channel, sequence, timeUs, payload: hex(frame.subarray(start, end)) });
  }
  return { feed: reader.feed, recorded: reader.recorded, samples };
}

Deno.test("the codec agrees with every batch vector", () => {
  for (const vector of vectors.batches) {
    const frame = unhex(vector.bytes);
    if ("error" in vector) {
      refused(() => readBatch(frame), vector.error, vector.name);
      continue;
    }
    const { feed, recorded, samples } = vector;
    assertEquals(readBatch(frame), { feed, recorded, samples }, vector.name);
    if (vector.canonical === false) continue;
    const writer = new BatchWriter({ maxBytes: 4096, feed, recorded });
    for (const { channel, sequence, timeUs, payload } of samples) {
      assert(writer.add(channel, sequence, timeUs, unhex(payload)), vector.name);
    }
    assertEquals(hex(writer.takeCopy()), vector.bytes, vector.name);
  }
});

Deno.test("the codec agrees with every acknowledgement vector", () => {
  for (const vector of vectors.acks) {
    const frame = unhex(vector.bytes);
    if ("error" in vector) {
      refused(() => decodeAck(frame), vector.error, vector.name);
      continue;
    }
    assertEquals(decodeAck(frame), vector.acks, vector.name);
    assertEquals(hex(encodeAck(vector.acks)), vector.bytes, vector.name);
  }
});

Deno.test("the codec agrees with every state vector", () => {
  for (const vector of vectors.states) {
    const batches: string[] = [];
    const read = () => readState(unhex(vector.bytes), (batch) => batches.push(hex(batch)));
    if ("error" in vector) refused(read, vector.error, vector.name);
    else {
      assertEquals(read(), vector.number, vector.name);
      assertEquals(batches, vector.batches, vector.name);
    }
  }
});

Deno.test("the codec agrees with every confirmation vector", () => {
  for (const vector of vectors.confirmations) {
    const read = () => decodeConfirmation(unhex(vector.bytes));
    if ("error" in vector) {
      refused(read, vector.error, vector.name);
      continue;
    }
    const numbers: number[] = [];
    confirmedNumbers(read(), (number) => numbers.push(number));
    assertEquals(
      { heldUs: read().heldUs, numbers },
      { heldUs: vector.heldUs, numbers: vector.numbers },
      vector.name,
    );
  }
});

Deno.test("the codec agrees with every difference vector", () => {
  for (const vector of vectors.differences) {
    const base = unhex(vector.base);
    const value = new Uint8Array(base.length);
    const apply = () => applyDifference(base, new Cursor(unhex(vector.bytes)), value);
    if ("error" in vector) {
      refused(apply, vector.error, vector.name);
      continue;
    }
    apply();
    assertEquals(hex(value), vector.value, vector.name);
    if (vector.canonical === false) continue;
    const out = new Uint8Array(1_000);
    const end = writeDifference(out, 0, out.length, base, value, value.length);
    assertEquals(hex(out.subarray(0, end)), vector.bytes, vector.name);
  }
});

Deno.test("the receiver agrees with every lane vector", () => {
  for (const { name, messages } of vectors.lanes) {
    const receiver = new StateReceiver(1_000);
    for (const message of messages) {
      const placed: PlacedSample[] = [];
      const bytes = unhex(message.bytes);
      const { missing } = receiver.differences!;
      const receive = () =>
        receiver.receive(bytes, 0, (batch) => {
          const { feed, samples } = readBatch(batch);
          for (const { sequence: offset, ...rest } of samples) placed.push({ feed, offset, ...rest });
          return true;
        });
      if ("error" in message) {
        refused(receive, message.error, name);
        continue;
      }
      receive();
      assertEquals(placed, message.samples, name);
      assertEquals(receiver.differences!.missing === missing, message.confirmed, name);
    }
  }
});

Deno.test("the parsers agree with every message vector", () => {
  for (const vector of vectors.messages) {
    const { name, direction } = vector;
    const text = "text" in vector
      ? vector.text
      : vector.repeat.head + vector.repeat.unit.repeat(vector.repeat.count) + vector.repeat.tail;
    const parse = () => PARSERS[direction](text);
    if ("error" in vector) refused(parse, vector.error, `${direction} ${name}`);
    else assertEquals(parse() ?? null as unknown, vector.message, `${direction} ${name}`);
  }
});

Deno.test("there is a valid vector for every message of every direction", () => {
  for (const [direction, types] of Object.entries(MESSAGE_TYPES)) {
    const found = vectors.messages.filter((vector) => vector.direction === direction && "message" in vector)
      .map((vector) => "message" in vector ? (vector.message as { type: string } | null)?.type : undefined);
    for (const type of types) assert(found.includes(type), `${direction} ${type}`);
  }
});

/** Bytes as the vectors write them, and records without their class. */
function written(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: hex(value) };
  if (Array.isArray(value)) return value.map(written);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, written(entry)]));
}

/** The inverse of {@link written}. */
function unwritten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwritten);
  if (typeof value !== "object" || value === null) return value;
  const bytes = (value as { $bytes?: string }).$bytes;
  if (bytes !== undefined) return unhex(bytes);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, unwritten(entry)]));
}

Deno.test("the payload decoder agrees with every payload vector, and decodes what the encoder makes of it", () => {
  for (const vector of vectors.payloads) {
    const { name, encoding, fields, bytes } = vector;
    const description = { encoding, fields };
    if ("error" in vector) {
      assertThrows(() => decode(description, unhex(bytes)), PayloadError);
      continue;
    }
    assertEquals(written(decode(description, unhex(bytes))), vector.value, name);
    const again = encode(description, unwritten(vector.value));
    assertEquals(written(decode(description, again)), vector.value, name);
  }
});

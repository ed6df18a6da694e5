/**
 * Payloads between the hub, where each topic declares its encoding, and MQTT, where nothing is declared.
 *
 * @module
 */
import { Buffer, isUtf8 } from "node:buffer";
import { decode } from "../payload/decode.ts";
import { encode } from "../payload/encode.ts";
import { PayloadError } from "../payload/payload.ts";
import type { Encoding } from "../protocol/control.ts";
import type { BorrowedSample } from "../hub/sample.ts";
import type { TopicDescription } from "../hub/topic.ts";

/**
 * How a payload leaves:
 * - `text`: numbers as decimal text, text as it is, everything else as JSON; raw bytes stay as they are
 * - `json`: `{"value": …, "timeUs": …, "epoch": …, "offset": …}`, for brokers without user properties
 * - `raw`: the payload as the device sent it
 */
export type PayloadFormat = "text" | "json" | "raw";

/** Content types by encoding, for MQTT 5. */
const CONTENT_TYPES: Record<Encoding, string> = {
  "raw": "application/octet-stream",
  "json": "application/json",
  "cbor": "application/cbor",
  "msgpack": "application/msgpack",
  "utf8": "text/plain; charset=utf-8",
  "f32": "application/vnd.tidegate.f32",
  "f64": "application/vnd.tidegate.f64",
  "struct": "application/vnd.tidegate.struct",
  "senml+json": "application/senml+json",
  "senml+cbor": "application/senml+cbor",
};

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** Content type of a topic's payloads in a format. */
export function contentType(format: PayloadFormat, encoding: Encoding): string {
  if (format === "raw") return CONTENT_TYPES[encoding];
  if (format === "json") return "application/json";
  if (encoding === "raw" || encoding === "utf8") return CONTENT_TYPES[encoding];
  return encoding === "f32" || encoding === "f64" ? CONTENT_TYPES.utf8 : "application/json";
}

/** Whether payloads of an encoding leave in a format byte for byte. */
export function leavesAsItIs(format: PayloadFormat, encoding: Encoding): boolean {
  return format === "raw" ||
    (format === "text" && (encoding === "raw" || encoding === "utf8" || encoding === "json"));
}

/** The sample's payload in a format; a copy. A payload that is not what it was declared to be leaves as it is. */
export function outgoing(
  format: PayloadFormat,
  sample: BorrowedSample,
  epoch: string = sample.topic.epoch,
): Buffer {
  const { bytes, start, end, topic } = sample;
  const borrowed = bytes.subarray(start, end);
  const { encoding } = topic.description;
  if (leavesAsItIs(format, encoding)) return Buffer.from(borrowed);
  if (format === "json") return Buffer.from(envelope(sample, borrowed, epoch));
  const value = decoded(topic.description, borrowed);
  if (value === undefined) return Buffer.from(borrowed);
  return Buffer.from(typeof value === "number" ? String(value) : jsonText(value));
}

function envelope({ topic, timeUs, offset }: BorrowedSample, payload: Uint8Array, epoch: string): string {
  const value = decoded(topic.description, payload);
  const content = value === undefined || value instanceof Uint8Array
    ? { base64: Buffer.from(payload).toString("base64") }
    : { value };
  return jsonText({ ...content, timeUs, epoch, offset });
}

function decoded(description: TopicDescription, payload: Uint8Array): unknown {
  try {
    return decode(description, payload);
  } catch (error) {
    if (error instanceof PayloadError) return undefined;
    throw error;
  }
}

/** JSON, with byte strings as base64. */
function jsonText(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part) => part instanceof Uint8Array ? Buffer.from(part).toString("base64") : part,
  );
}

/** The narrowest encoding that a payload of unknown kind fits: JSON (a number is), text, or bytes. */
export function guessEncoding(payload: Uint8Array): Encoding {
  if (!isUtf8(payload)) return "raw";
  return mayBeJson(payload) && parsed(strictUtf8.decode(payload)) !== undefined ? "json" : "utf8";
}

/** Whether text begins as JSON does (RFC 8259 section 2): what does not need not be parsed, which throws and is slow. */
function mayBeJson(text: Uint8Array): boolean {
  let at = 0;
  while (at < text.length && JSON_SPACE.includes(text[at]!)) at++;
  return at < text.length && JSON_START.includes(text[at]!);
}

const JSON_SPACE = Uint8Array.of(0x20, 0x09, 0x0a, 0x0d);
const JSON_START = new TextEncoder().encode('{["-0123456789tfn');

/** Encodings that {@link guessEncoding} yields, narrowest first. */
const GUESSED: readonly Encoding[] = ["json", "utf8", "raw"];

/**
 * Fits a payload from MQTT to a topic: recodes it where the topic's device declared a binary encoding, and names
 * a wider encoding where only MQTT devices have written it so far.
 *
 * @throws {PayloadError} when a declared encoding cannot hold it.
 */
export function incoming(
  description: TopicDescription,
  payload: Uint8Array,
): { payload: Uint8Array; widened?: Encoding } {
  const { encoding } = description;
  const at = GUESSED.indexOf(encoding);
  if (at < 0) return { payload: recoded(description, payload) };
  if (encoding === "raw" || (encoding === "utf8" && isUtf8(payload))) return { payload };
  const guess = GUESSED.indexOf(guessEncoding(payload));
  return guess > at ? { payload, widened: GUESSED[guess]! } : { payload };
}

/** A text or JSON payload in the encoding that the topic declares. @throws {PayloadError} */
export function recoded(description: TopicDescription, payload: Uint8Array): Uint8Array {
  const { encoding } = description;
  if (encoding === "raw" || encoding === "utf8") return payload;
  const text = asText(payload);
  const value = text === undefined ? undefined : parsed(text);
  if (encoding === "json") {
    return value === undefined && text !== undefined ? encode(description, text) : payload;
  }
  if (value === undefined) {
    // Already in the declared encoding, perhaps: what decodes is taken.
    decode(description, payload);
    return payload;
  }
  return encode(description, value);
}

function asText(payload: Uint8Array): string | undefined {
  return isUtf8(payload) ? strictUtf8.decode(payload) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Turns a sample's payload into a value by the encoding that its channel declares. The one decoder of the page,
 * the exports and the queries; runs in browsers, Deno, Bun and Node.
 *
 * | encoding | value |
 * | --- | --- |
 * | `raw` | the bytes, not copied |
 * | `utf8` | string |
 * | `json`, `cbor`, `msgpack` | plain data; byte strings as Uint8Array, map keys as strings, tags and extensions by their content |
 * | `f32`, `f64` | one number, or an array for any other count |
 * | `struct` | object of the declared fields |
 * | `senml+json`, `senml+cbor` | array of resolved {@link SenmlRecord}s |
 *
 * Integers beyond 2^53 - 1 become decimal strings (in JSON, which has only doubles, they are rounded).
 *
 * @module
 */
import { decode as decodeCborItem } from "cborg";
import { Decoder } from "@msgpack/msgpack";
import { decodeF32, decodeF64 } from "./floats.ts";
import { checkCbor, checkJson, checkMsgpack } from "./nesting.ts";
import { type PayloadDescription, PayloadError } from "./payload.ts";
import { plain } from "./plain.ts";
import { resolveSenml, textLabels } from "./senml.ts";
import { decodeStruct } from "./struct.ts";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Runs a library's decoder; whatever it throws is the payload's fault. */
function parsed(what: string, parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    if (error instanceof PayloadError) throw error;
    throw new PayloadError(`${what} payload`, (error as Error).message.slice(0, 200), `valid ${what}`);
  }
}

function bignum(bytes: unknown, negative: boolean): unknown {
  // Longer ones are no measurement, and their decimal digits take quadratic time.
  if (!(bytes instanceof Uint8Array) || bytes.length > 64) return bytes;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return negative ? -1n - value : value;
}

type TagDecoder = (decode: () => unknown) => unknown;
const bignumTags: Readonly<Record<string, TagDecoder>> = {
  2: (decode) => bignum(decode(), false),
  3: (decode) => bignum(decode(), true),
};
/** Tags say how to read their content; all but the big numbers are passed through as that content. */
const anyTag = new Proxy<Record<number, TagDecoder>>({}, {
  get: (_, tag) => bignumTags[String(tag)] ?? ((decode: () => unknown) => decode()),
});

function decodeCbor(bytes: Uint8Array): unknown {
  return parsed("CBOR", () => {
    checkCbor(bytes);
    return plain(decodeCborItem(bytes, { useMaps: true, tags: anyTag }));
  });
}

function decodeMsgpack(bytes: Uint8Array): unknown {
  return parsed("MessagePack", () => {
    checkMsgpack(bytes);
    return plain(new Decoder({ useBigInt64: true }).decode(bytes));
  });
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new PayloadError("text payload", `${bytes.length} bytes that are not UTF-8`, "valid UTF-8");
  }
}

function decodeJson(bytes: Uint8Array): unknown {
  checkJson(bytes);
  const text = decodeUtf8(bytes);
  return parsed("JSON", () => JSON.parse(text) as unknown);
}

/**
 * Decodes one payload. `bytes` is not kept, except by `raw`, which returns it as it is.
 *
 * @throws {PayloadError} when the bytes are not what the encoding says.
 * @example
 * ```ts
 * import { decode } from "./decode.ts";
 *
 * decode({ encoding: "struct", fields: [{ name: "rpm", type: "u16" }] }, new Uint8Array([0xb8, 0x0b])); // { rpm: 3000 }
 * ```
 */
export function decode(description: PayloadDescription, bytes: Uint8Array): unknown {
  switch (description.encoding) {
    case "raw":
      return bytes;
    case "f64":
      return decodeF64(bytes);
    case "f32":
      return decodeF32(bytes);
    case "struct":
      return decodeStruct(description.fields, bytes);
    case "utf8":
      return decodeUtf8(bytes);
    case "json":
      return decodeJson(bytes);
    case "cbor":
      return decodeCbor(bytes);
    case "msgpack":
      return decodeMsgpack(bytes);
    case "senml+json":
      return resolveSenml(decodeJson(bytes));
    case "senml+cbor":
      return resolveSenml(textLabels(decodeCbor(bytes)));
  }
}

/**
 * The number of a payload by which series are thinned out and blocks summed up.
 *
 * @module
 */
import type { TopicDescription } from "../hub/topic.ts";
import { decode } from "../payload/decode.ts";
import { numbers } from "../payload/numbers.ts";
import { PayloadError } from "../payload/payload.ts";

/** The number of the payload `bytes[start, end)`, or NaN when it has none. */
export type NumberOf = (bytes: Uint8Array, start: number, end: number) => number;

/** Encodings that never hold a number, so that nobody looks for one. */
const OPAQUE = new Set(["raw"]);

/** How to get the number called `field` (default: the first) out of payloads of this topic. */
export function numberOf(description: TopicDescription, field?: string): NumberOf {
  const { encoding } = description;
  if (OPAQUE.has(encoding)) return () => NaN;
  if (field === undefined && encoding === "f64") {
    return (bytes, start, end) => isFloats(start, end, 8) ? view(bytes).getFloat64(start, true) : NaN;
  }
  if (field === undefined && encoding === "f32") {
    return (bytes, start, end) => isFloats(start, end, 4) ? view(bytes).getFloat32(start, true) : NaN;
  }
  const value = valueOf(description);
  return (bytes, start, end) => {
    const named = numbers(value(bytes.subarray(start, end)));
    if (field !== undefined) return named[field] ?? NaN;
    for (const name in named) return named[name]!;
    return NaN;
  };
}

/** How to decode payloads of this topic; undefined comes out where a payload is not what its encoding says. */
export function valueOf(description: TopicDescription): (payload: Uint8Array) => unknown {
  if (OPAQUE.has(description.encoding)) return () => undefined;
  return (payload) => {
    try {
      return decode(description, payload);
    } catch (error) {
      if (error instanceof PayloadError) return undefined;
      throw error;
    }
  };
}

/** Whether a payload can be a list of floats of this size. */
function isFloats(start: number, end: number, size: number): boolean {
  return end > start && (end - start) % size === 0;
}

let viewed: Uint8Array | undefined;
let lastView: DataView<ArrayBufferLike> = new DataView(new ArrayBuffer(0));

/** A DataView over `bytes`; the same one as long as the same array is asked for. */
function view(bytes: Uint8Array): DataView {
  if (viewed !== bytes) {
    viewed = bytes;
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return lastView;
}

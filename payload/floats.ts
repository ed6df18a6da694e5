/**
 * Encodings `f32` and `f64`: little-endian IEEE 754 numbers one after the other, a single one as a number.
 *
 * @module
 */
import { PayloadError, shown } from "./payload.ts";

/** One number's bytes, written and read again in turn, so that reading a number allocates nothing. */
const scratch = new Uint8Array(8);
const scratchView = new DataView(scratch.buffer);

/** Reads a little-endian 32-bit float. The caller has checked the bounds. */
export function readF32(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 4; i++) scratch[i] = bytes[at + i]!;
  return scratchView.getFloat32(0, true);
}

/** Reads a little-endian 64-bit float. The caller has checked the bounds. */
export function readF64(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 8; i++) scratch[i] = bytes[at + i]!;
  return scratchView.getFloat64(0, true);
}

function decodeFloats(
  bytes: Uint8Array,
  size: 4 | 8,
  read: (bytes: Uint8Array, at: number) => number,
): number | number[] {
  if (bytes.length === size) return read(bytes, 0);
  if (bytes.length % size !== 0) {
    throw new PayloadError(`f${size * 8} payload length in bytes`, bytes.length, `a multiple of ${size}`);
  }
  const count = bytes.length / size;
  const values = new Array<number>(count);
  for (let i = 0; i < count; i++) values[i] = read(bytes, i * size);
  return values;
}

/** Four bytes as a number, any other multiple of four as an array. */
export function decodeF32(bytes: Uint8Array): number | number[] {
  return decodeFloats(bytes, 4, readF32);
}

/** Eight bytes as a number, any other multiple of eight as an array. */
export function decodeF64(bytes: Uint8Array): number | number[] {
  return decodeFloats(bytes, 8, readF64);
}

/** A number or an array of numbers as packed floats of `size` bytes. */
export function encodeFloats(value: unknown, size: 4 | 8): Uint8Array<ArrayBuffer> {
  const values: ArrayLike<unknown> = Array.isArray(value) || value instanceof Float32Array ||
      value instanceof Float64Array
    ? value
    : [value];
  const bytes = new Uint8Array(values.length * size);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) {
    const number = values[i];
    if (typeof number !== "number") {
      throw new PayloadError(`f${size * 8} value`, shown(number), "a number or an array of numbers");
    }
    if (size === 4) view.setFloat32(i * 4, number, true);
    else view.setFloat64(i * 8, number, true);
  }
  return bytes;
}

/**
 * Fields of encoding `struct`: sizes, and what may be wrong with a list of them.
 *
 * @module
 */
import type { StructField } from "./control.ts";
import { MAX_PAYLOAD_BYTES } from "./limits.ts";

/** Bytes that one value of each type takes. */
export const FIELD_BYTES: Readonly<Record<StructField["type"], number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
  f32: 4,
  f64: 8,
  bool: 1,
};

/** Bytes that the fields take together; there is no padding. */
export function structBytes(fields: readonly StructField[]): number {
  let total = 0;
  for (const { type, count = 1 } of fields) total += FIELD_BYTES[type] * count;
  return total;
}

/** What is wrong with the fields that a channel of encoding `struct` declares, or undefined. */
export function fieldsProblem(fields: readonly StructField[] | undefined): string | undefined {
  if (!fields || fields.length === 0) return "encoding struct needs at least one entry in `fields`";
  const names = new Set<string>();
  for (const { name } of fields) {
    if (names.has(name)) return `two fields have the name ${JSON.stringify(name)}`;
    names.add(name);
  }
  const bytes = structBytes(fields);
  if (bytes > MAX_PAYLOAD_BYTES) {
    return `the fields take ${bytes} bytes, above the limit of ${MAX_PAYLOAD_BYTES} for a payload`;
  }
  return undefined;
}

/**
 * Copies ranges of bytes, the way that costs least for their size.
 *
 * @module
 */

/** Ranges up to this size are copied by a loop: below it, a view and the call into `set` cost more than the copy. */
const LOOP_COPY_BYTES = 64;

/**
 * Copies `source[start, end)` to `target` from `at` on. A source that is wanted whole is copied without a view of
 * it, which is the cheapest way at every size.
 */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const length = end - start;
  if (length === source.length) target.set(source, at);
  else if (length <= LOOP_COPY_BYTES) {
    for (let i = 0; i < length; i++) {
      target[at + i] = source[start + i]!;
    }
  } else target.set(source.subarray(start, end), at);
}

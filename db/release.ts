/**
 * Memory of large buffers, given back when they are done with instead of when the collector comes by.
 *
 * V8 counts what lies outside its heap, but does not collect for it until some 64 MiB of it may be dead, in each
 * thread. The writer's own heap hardly grows, so its dead buffers did stand that high, and the allocator's arena of
 * that thread, in pieces, higher still.
 *
 * @module
 */

/** Node's small buffers are slices of shared ones of 8 KiB: what is not larger than this is left to the collector. */
const MIN_BYTES = 16_384;

/**
 * Lets go of the memory under `bytes`, all of its buffer. Whoever calls this has made the buffer, and nobody reads it
 * any more: every view of it is empty from here on.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength > MIN_BYTES) buffer.transfer(0);
}

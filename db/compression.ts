/**
 * Compression of what goes into the database, where it pays.
 *
 * @module
 */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { release } from "./release.ts";

/** How a blob is stored. Numbers are on disk: never change their meaning. */
export const CODEC = { stored: 0, zstd: 1 } as const;

/** Below this the frame's own header eats the gain. */
const MIN_BYTES = 128;

/** Level 1 runs at about 1 GB/s on telemetry; higher ones cost several times that for a few percent. */
const PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 };

/** Room beyond the bytes themselves; a frame that does not get smaller takes a little more than it holds. */
const SLACK_BYTES = 512;

/** A blob and how it is stored. */
export interface Packed {
  codec: number;
  /** Length of what was packed. */
  rawBytes: number;
  data: Uint8Array;
}

/** A Buffer as the plain array that it claims to be: a Buffer's own `slice` would not copy. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Compresses `raw` unless that saves less than an eighth. The result may be `raw` itself. */
export function pack(raw: Uint8Array): Packed {
  const rawBytes = raw.length;
  if (rawBytes < MIN_BYTES) return { codec: CODEC.stored, rawBytes, data: raw };
  const data = plain(zstdCompressSync(raw, { params: PARAMS, chunkSize: oneBuffer(rawBytes) }));
  if (data.length <= rawBytes * 7 / 8) return { codec: CODEC.zstd, rawBytes, data };
  release(data);
  return { codec: CODEC.stored, rawBytes, data: raw };
}

/** Gives back the memory that {@link pack} took: never that of what it was given. */
export function releasePacked({ codec, data }: Packed): void {
  if (codec !== CODEC.stored) release(data);
}

/** Size of the buffer into which the result fits at once: else it is made of pieces, and a copy of them all. */
function oneBuffer(rawBytes: number): number {
  return rawBytes + (rawBytes >>> 8) + SLACK_BYTES;
}

/** The inverse of {@link pack}. What is stored as it is comes back as it is, without a copy. */
export function unpack(packed: Packed): Uint8Array {
  switch (packed.codec) {
    case CODEC.stored:
      return packed.data;
    case CODEC.zstd:
      return plain(zstdDecompressSync(packed.data, { chunkSize: oneBuffer(packed.rawBytes) }));
    default:
      throw new Error(
        `codec ${packed.codec} is unknown: the database was written by a newer version, or is damaged`,
      );
  }
}

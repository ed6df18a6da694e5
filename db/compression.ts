/**
 * Compression of what goes into the database, where it pays.
 *
 * @module
 */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** How a blob is stored. Numbers are on disk: never change their meaning. */
export const CODEC = { stored: 0, zstd: 1 } as const;

/** Below this the frame's own header eats the gain. */
const MIN_BYTES = 128;

/** Level 1 runs at about 1 GB/s on telemetry; higher ones cost several times that for a few percent. */
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** A blob and how it is stored. */
export interface Packed {
  codec: number;
  data: Uint8Array;
}

/** A Buffer as the plain array that it claims to be: a Buffer's own `slice` would not copy. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Compresses `raw` unless that saves less than an eighth. The result may be `raw` itself. */
export function pack(raw: Uint8Array): Packed {
  if (raw.length < MIN_BYTES) return { codec: CODEC.stored, data: raw };
  const data = plain(zstdCompressSync(raw, OPTIONS));
  if (data.length > raw.length * 7 / 8) return { codec: CODEC.stored, data: raw };
  return { codec: CODEC.zstd, data };
}

/** The inverse of {@link pack}. */
export function unpack(packed: Packed): Uint8Array {
  switch (packed.codec) {
    case CODEC.stored:
      return packed.data;
    case CODEC.zstd:
      return plain(zstdDecompressSync(packed.data));
    default:
      throw new Error(
        `codec ${packed.codec} is unknown: the database was written by a newer version, or is damaged`,
      );
  }
}

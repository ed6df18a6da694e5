/**
 * Protocol version 1's binary frames once more, written from the specification and not from protocol/: a mistake
 * that encoder and decoder share would pass every test that uses both.
 *
 * @module
 */

/** One sample of a batch. */
export interface WireSample {
  channel: number;
  /** Sequence from a device, offset from the gateway. */
  sequence: number;
  /** Microseconds since 1970; 0 where the frame asks for a stamp on arrival. */
  timeUs: number;
  payload: Uint8Array;
}

/** A batch as it came. */
export interface WireBatch {
  feed: number;
  recorded: boolean;
  samples: WireSample[];
}

/** Numbers that data frames begin with. */
const KIND = { batch: 1, ack: 2 } as const;

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = BigInt(value);
  do {
    out.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return out;
}

/** A batch of samples as a device sends it. With time 0 on all of them the gateway stamps them on arrival. */
export function batchFrame(
  samples: (Omit<WireSample, "timeUs"> & { timeUs?: number })[],
  feed = 0,
): Uint8Array<ArrayBuffer> {
  const base = samples[0]?.timeUs ?? 0;
  const out: number[] = [KIND.batch, 0];
  for (let i = 0n; i < 8n; i++) out.push(Number((BigInt(base) >> (8n * i)) & 0xffn));
  out.push(...varint(feed));
  for (const { channel, sequence, timeUs = 0, payload } of samples) {
    const delta = timeUs - base;
    out.push(...varint(channel), ...varint(sequence), ...varint(delta < 0 ? -2 * delta - 1 : 2 * delta));
    out.push(...varint(payload.length));
    for (const byte of payload) out.push(byte);
  }
  return Uint8Array.from(out);
}

/** An acknowledgement of everything up to `sequence` on each channel. */
export function ackFrame(acks: { channel: number; sequence: number }[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    KIND.ack,
    ...acks.flatMap(({ channel, sequence }) => [...varint(channel), ...varint(sequence)]),
  ]);
}

/** Reads numbers and bytes one after the other. */
class Reader {
  #at = 0;
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }
  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error(`frame of ${this.#bytes.length} bytes ends early`);
    return byte;
  }
  varint(): number {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  }
  uint64(): number {
    let value = 0n;
    for (let i = 0n; i < 8n; i++) value |= BigInt(this.byte()) << (8n * i);
    return Number(value);
  }
  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new Error(`payload of ${length} bytes ends early`);
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }
}

/** What a binary message from the gateway holds. */
export type WireFrame =
  | ({ kind: "batch" } & WireBatch)
  | { kind: "ack"; acks: { channel: number; sequence: number }[] };

/** Decodes a binary message from the gateway. */
export function readFrame(bytes: Uint8Array): WireFrame {
  const reader = new Reader(bytes);
  const kind = reader.byte();
  if (kind === KIND.ack) {
    const acks = [];
    while (!reader.done) acks.push({ channel: reader.varint(), sequence: reader.varint() });
    return { kind: "ack", acks };
  }
  if (kind !== KIND.batch) throw new Error(`the gateway sent a frame of unknown kind ${kind}`);
  const recorded = (reader.byte() & 1) === 1;
  const base = reader.uint64();
  const feed = reader.varint();
  const samples: WireSample[] = [];
  while (!reader.done) {
    const channel = reader.varint();
    const sequence = reader.varint();
    const delta = reader.varint();
    const timeUs = base + (delta % 2 === 0 ? delta / 2 : -(delta + 1) / 2);
    samples.push({ channel, sequence, timeUs, payload: reader.take(reader.varint()) });
  }
  return { kind: "batch", feed, recorded, samples };
}

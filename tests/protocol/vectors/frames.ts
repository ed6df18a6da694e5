/**
 * Golden vectors of the binary layer: varints, batches, acknowledgements. What is to come out is written down by
 * hand; bytes of canonical frames come from the encoder, those that must not be understood are by hand too.
 *
 * @module
 */
import { encodeAck } from "../../../protocol/ack.ts";
import { BatchWriter } from "../../../protocol/batch.ts";
import { hex, unhex } from "../../support/hex.ts";

/** A varint, or bytes that are none. */
export type VarintVector = { bytes: string; value: number } | { bytes: string; error: "bad_frame" };

/** One sample of a batch vector; the payload in hexadecimal. */
export interface SampleVector {
  channel: number;
  sequence: number;
  timeUs: number;
  payload: string;
}

/** A batch, or bytes that are none. */
export type BatchVector =
  & { name: string; bytes: string }
  & (
    | { feed: number; recorded: boolean; samples: SampleVector[]; canonical?: false }
    | { error: "bad_frame" }
  );

/** An acknowledgement, or bytes that are none. */
export type AckVector =
  & { name: string; bytes: string }
  & ({ acks: { channel: number; sequence: number }[] } | { error: "bad_frame" });

/** All varints. */
export const VARINTS: VarintVector[] = [
  { bytes: "00", value: 0 },
  { bytes: "01", value: 1 },
  { bytes: "7f", value: 127 },
  { bytes: "8001", value: 128 },
  { bytes: "ac02", value: 300 },
  { bytes: "ff7f", value: 16_383 },
  { bytes: "808001", value: 16_384 },
  { bytes: "ffff3f", value: 1_048_575 },
  { bytes: "ffffff7f", value: 268_435_455 },
  { bytes: "8080808001", value: 268_435_456 },
  { bytes: "ffffffff0f", value: 4_294_967_295 },
  { bytes: "8080808010", value: 4_294_967_296 },
  { bytes: "ffffffffffffff0f", value: 9_007_199_254_740_991 },
  { bytes: "", error: "bad_frame" },
  { bytes: "80", error: "bad_frame" },
  { bytes: "8000", error: "bad_frame" },
  { bytes: "ff8000", error: "bad_frame" },
  { bytes: "8080808080808010", error: "bad_frame" },
  { bytes: "ffffffffffffffff01", error: "bad_frame" },
];

const BASE = 1_700_000_000_000_000;

interface Described {
  feed?: number;
  recorded?: boolean;
  samples: SampleVector[];
}

const DESCRIBED: Record<string, Described> = {
  "the example of the specification": {
    samples: [
      { channel: 1, sequence: 1, timeUs: BASE, payload: "0000c03f" },
      { channel: 2, sequence: 300, timeUs: BASE + 250, payload: "6f6b" },
    ],
  },
  "one empty payload": { samples: [{ channel: 0, sequence: 1, timeUs: BASE, payload: "" }] },
  "stamped on arrival": {
    samples: [
      { channel: 1, sequence: 1, timeUs: 0, payload: "01" },
      { channel: 1, sequence: 2, timeUs: 0, payload: "02" },
    ],
  },
  "times before the base time": {
    samples: [
      { channel: 1, sequence: 5, timeUs: BASE, payload: "01" },
      { channel: 2, sequence: 5, timeUs: BASE - 1, payload: "02" },
      { channel: 3, sequence: 5, timeUs: BASE - 1_000_000, payload: "03" },
      { channel: 4, sequence: 5, timeUs: 0, payload: "04" },
    ],
  },
  "the largest numbers": {
    feed: 9_007_199_254_740_991,
    samples: [{
      channel: 1_048_575,
      sequence: 9_007_199_254_740_991,
      timeUs: 9_007_199_254_740_991,
      payload: "ff",
    }],
  },
  "from the recording, on a feed": {
    feed: 7,
    recorded: true,
    samples: [{ channel: 300, sequence: 41, timeUs: BASE, payload: "00112233445566778899aabbccddeeff" }],
  },
  "a sequence of 0 and repeats of a channel": {
    samples: [
      { channel: 9, sequence: 0, timeUs: 5, payload: "aa" },
      { channel: 9, sequence: 0, timeUs: 5, payload: "bb" },
    ],
  },
  "a payload of 200 bytes": {
    samples: [{ channel: 1, sequence: 1, timeUs: BASE, payload: "5a".repeat(200) }],
  },
};

function canonical(name: string, { feed = 0, recorded = false, samples }: Described): BatchVector {
  const writer = new BatchWriter({ maxBytes: 4096, feed, recorded });
  for (const { channel, sequence, timeUs, payload } of samples) {
    if (!writer.add(channel, sequence, timeUs, unhex(payload))) throw new Error(`${name} does not fit`);
  }
  return { name, bytes: hex(writer.takeCopy()), feed, recorded, samples };
}

const header = "0100" + "00401e18240a0600" + "00";

const BY_HAND: BatchVector[] = [
  { name: "no samples", bytes: header, feed: 0, recorded: false, samples: [], canonical: false },
  {
    name: "base time 0 overrides the samples' own part",
    bytes: "0100" + "0000000000000000" + "00" + "0101c80101aa",
    feed: 0,
    recorded: false,
    samples: [{ channel: 1, sequence: 1, timeUs: 0, payload: "aa" }],
    canonical: false,
  },
  {
    name: "a first sample that is not at the base time",
    bytes: header + "0101d00f01aa",
    feed: 0,
    recorded: false,
    samples: [{ channel: 1, sequence: 1, timeUs: BASE + 1000, payload: "aa" }],
    canonical: false,
  },
  { name: "an empty message", bytes: "", error: "bad_frame" },
  { name: "an unknown kind", bytes: "0300" + "00401e18240a0600" + "00", error: "bad_frame" },
  { name: "a kind alone", bytes: "01", error: "bad_frame" },
  { name: "a header without its feed", bytes: header.slice(0, -2), error: "bad_frame" },
  { name: "unknown flags", bytes: "0102" + header.slice(4), error: "bad_frame" },
  { name: "a base time above 2^53 - 1", bytes: "0100" + "0000000000002000" + "00", error: "bad_frame" },
  { name: "a feed that is cut", bytes: header.slice(0, -2) + "80", error: "bad_frame" },
  { name: "a channel that is cut", bytes: header + "80", error: "bad_frame" },
  { name: "a record without its sequence", bytes: header + "01", error: "bad_frame" },
  { name: "a record without its time", bytes: header + "0101", error: "bad_frame" },
  { name: "a record without its length", bytes: header + "010100", error: "bad_frame" },
  { name: "a payload that is cut", bytes: header + "01010002aa", error: "bad_frame" },
  { name: "a second record that is cut", bytes: header + "01010001aa" + "01020004aabb", error: "bad_frame" },
  { name: "a payload of 131,073 bytes announced", bytes: header + "010100818008aa", error: "bad_frame" },
  { name: "a padded number", bytes: header + "8100010001aa", error: "bad_frame" },
  { name: "a number of nine bytes", bytes: header + "ffffffffffffffff01" + "010001aa", error: "bad_frame" },
  { name: "a time below 0", bytes: "0100" + "0100000000000000" + "00" + "01010301aa", error: "bad_frame" },
  {
    name: "a time above 2^53 - 1",
    bytes: "0100" + "ffffffffffff1f00" + "00" + "01010201aa",
    error: "bad_frame",
  },
];

/** All batches. */
export const BATCHES: BatchVector[] = [
  ...Object.entries(DESCRIBED).map(([name, described]) => canonical(name, described)),
  ...BY_HAND,
];

const ACKS_DESCRIBED: Record<string, { channel: number; sequence: number }[]> = {
  "the example of the specification": [{ channel: 2, sequence: 300 }, { channel: 7, sequence: 5 }],
  "nothing": [],
  "the largest numbers": [{ channel: 1_048_575, sequence: 9_007_199_254_740_991 }],
};

/** All acknowledgements. */
export const ACKS: AckVector[] = [
  ...Object.entries(ACKS_DESCRIBED).map(([name, acks]) => ({ name, bytes: hex(encodeAck(acks)), acks })),
  { name: "an empty message", bytes: "", error: "bad_frame" },
  { name: "another kind", bytes: "0102ac02", error: "bad_frame" },
  { name: "a channel without its sequence", bytes: "0202", error: "bad_frame" },
  { name: "a sequence that is cut", bytes: "0202ac", error: "bad_frame" },
  { name: "a padded number", bytes: "02020500" + "8000", error: "bad_frame" },
];

/**
 * Golden vectors of the state lane's frames, by hand but for the batches inside.
 *
 * @module
 */

/** A state frame, or bytes that are none. `batches` are the batch frames inside, in hexadecimal. */
export type StateVector =
  & { name: string; bytes: string }
  & ({ number: number; batches: string[] } | { error: "bad_frame" });

/** A confirmation, or bytes that are none. */
export type ConfirmationVector =
  & { name: string; bytes: string }
  & ({ heldUs: number; numbers: number[] } | { error: "bad_frame" });

const BATCH = "0100" + "00401e18240a0600" + "07" + "01010004" + "0000c03f";
const SMALL = "0100" + "0000000000000000" + "00" + "01010001aa";

/** All state frames. */
export const STATES: StateVector[] = [
  {
    name: "the example of the specification",
    bytes: "03ac02" + "13" + BATCH,
    number: 300,
    batches: [BATCH],
  },
  { name: "a heartbeat", bytes: "0301", number: 1, batches: [] },
  { name: "two sections", bytes: "0302" + "10" + SMALL + "13" + BATCH, number: 2, batches: [SMALL, BATCH] },
  {
    name: "the largest number",
    bytes: "03" + "ffffffffffffff0f",
    number: 9_007_199_254_740_991,
    batches: [],
  },
  { name: "an empty message", bytes: "", error: "bad_frame" },
  { name: "a kind alone", bytes: "03", error: "bad_frame" },
  { name: "number 0", bytes: "0300", error: "bad_frame" },
  { name: "a section that is cut", bytes: "0301" + "13" + BATCH.slice(0, -2), error: "bad_frame" },
  { name: "a length that is cut", bytes: "030180", error: "bad_frame" },
  { name: "another kind", bytes: "0501", error: "bad_frame" },
];

/** All confirmations. */
export const CONFIRMATIONS: ConfirmationVector[] = [
  {
    name: "the example of the specification",
    bytes: "04ac02b00905",
    heldUs: 1_200,
    numbers: [300, 299, 297],
  },
  { name: "the first message", bytes: "040100", heldUs: 0, numbers: [1] },
  {
    name: "bits of numbers below 1 say nothing",
    bytes: "040300" + "07",
    heldUs: 0,
    numbers: [3, 2, 1],
  },
  {
    name: "the whole window",
    bytes: "04e90700" + "ff".repeat(32),
    heldUs: 0,
    numbers: Array.from({ length: 257 }, (_, i) => 1_001 - i),
  },
  { name: "an empty message", bytes: "", error: "bad_frame" },
  { name: "number 0", bytes: "040000", error: "bad_frame" },
  { name: "a confirmation without its time", bytes: "0401", error: "bad_frame" },
  { name: "a map of 33 bytes", bytes: "04e90700" + "00".repeat(32) + "01", error: "bad_frame" },
  { name: "another kind", bytes: "020100", error: "bad_frame" },
];

/** What makes a value of a baseline, or bytes that make none. */
export type DifferenceVector =
  & { name: string; base: string; bytes: string }
  & ({ value: string; canonical?: false } | { error: "bad_frame" });

/** All differences. */
export const DIFFERENCES: DifferenceVector[] = [
  { name: "nothing has changed", base: "000102", bytes: "", value: "000102" },
  { name: "an empty value", base: "", bytes: "", value: "" },
  { name: "the third byte", base: "00010203", bytes: "020120", value: "00012003" },
  { name: "all of it", base: "0001", bytes: "0002aabb", value: "aabb" },
  { name: "one equal byte between two changes", base: "00000000", bytes: "0003aa00bb", value: "aa00bb00" },
  { name: "two equal bytes between two changes", base: "00000000", bytes: "0001aa0201bb", value: "aa0000bb" },
  {
    name: "numbers of two bytes",
    base: "00".repeat(400),
    bytes: "c801" + "c801" + "55".repeat(200),
    value: "00".repeat(200) + "55".repeat(200),
  },
  { name: "rows that touch", base: "0000", bytes: "0001aa0001bb", value: "aabb", canonical: false },
  { name: "a row that changes nothing", base: "0000", bytes: "010100", value: "0000", canonical: false },
  { name: "a row that replaces nothing", base: "0000", bytes: "0100", error: "bad_frame" },
  { name: "a row without its count", base: "0000", bytes: "01", error: "bad_frame" },
  { name: "a row that is cut short", base: "000000", bytes: "0002aa", error: "bad_frame" },
  { name: "a row past the end of the baseline", base: "0000", bytes: "0102aabb", error: "bad_frame" },
  { name: "a row behind the end of the baseline", base: "0000", bytes: "0301aa", error: "bad_frame" },
  { name: "a second row past the end", base: "000000", bytes: "0101aa0102bbcc", error: "bad_frame" },
  {
    name: "a number that is longer than it needs to be",
    base: "0000",
    bytes: "800001aa",
    error: "bad_frame",
  },
  {
    name: "a skip beyond what a number holds",
    base: "0000",
    bytes: "ffffffffffffff7f01aa",
    error: "bad_frame",
  },
];

/** A sample that is placed. */
export interface PlacedSample {
  feed: number;
  channel: number;
  offset: number;
  timeUs: number;
  payload: string;
}

/** State frames as they come to a receiver that keeps 1,000 bytes. */
export interface LaneVector {
  name: string;
  messages: (
    & { bytes: string }
    & ({ samples: PlacedSample[]; confirmed: boolean } | { error: "bad_frame" | "limit_exceeded" })
  )[];
}

const TIME_US = 1_700_000_000_000_000;

const varint = (value: number): string =>
  value < 128
    ? value.toString(16).padStart(2, "0")
    : (value % 128 + 128).toString(16) + varint(Math.floor(value / 128));

/** A section of feed 7: channel, offset and payload of each record. */
function section(
  flags: "00" | "02",
  ...records: [channel: number, offset: number, payload: string][]
): string {
  const rows = records.map(([channel, offset, payload]) =>
    varint(channel) + varint(offset) + "00" + varint(payload.length / 2) + payload
  );
  const batch = "01" + flags + "00401e18240a0600" + "07" + rows.join("");
  return varint(batch.length / 2) + batch;
}

const differing = (...records: [number, number, string][]) => section("02", ...records);
const placed = (channel: number, offset: number, payload: string): PlacedSample => ({
  feed: 7,
  channel,
  offset,
  timeUs: TIME_US,
  payload,
});

/** A message of one record on channel 1, which is placed. */
const one = (message: number, payload: string, value: string) => ({
  bytes: "03" + varint(message) + differing([1, message, payload]),
  samples: [placed(1, message, value)],
  confirmed: true,
});

const absent = (message: number, payload: string) => ({
  bytes: "03" + varint(message) + differing([1, message, payload]),
  samples: [],
  confirmed: false,
});

const wrong = (message: number, payload: string, error: "bad_frame" | "limit_exceeded" = "bad_frame") => ({
  bytes: "03" + varint(message) + differing([1, message, payload]),
  error,
});

/** All lanes. */
export const LANES: LaneVector[] = [
  {
    name: "the example of the specification",
    messages: [
      one(300, "01" + "0000c03f", "0000c03f"),
      {
        bytes: "03af02" + "1a" + "0102" + "00401e18240a0600" + "07" + "0104000407020120" + "02090003000102",
        samples: [placed(1, 4, "0000203f"), placed(2, 9, "0102")],
        confirmed: true,
      },
    ],
  },
  {
    name: "a difference to a difference",
    messages: [one(2, "010102", "0102"), one(3, "03" + "0001aa", "aa02"), one(9, "0c" + "0101bb", "aabb")],
  },
  {
    name: "a batch of whole values beside one with differences",
    messages: [
      one(2, "010102", "0102"),
      {
        bytes: "0303" + section("00", [3, 1, "77"]) + differing([1, 3, "02"]),
        samples: [placed(3, 1, "77"), placed(1, 3, "0102")],
        confirmed: true,
      },
    ],
  },
  {
    name: "a baseline that was not to be kept",
    messages: [
      one(2, "000102", "0102"),
      {
        bytes: "0303" + differing([1, 3, "02"], [2, 1, "0055"]),
        samples: [placed(2, 1, "55")],
        confirmed: false,
      },
    ],
  },
  {
    name: "a baseline that has not come yet",
    messages: [absent(3, "02"), one(2, "0101", "01"), one(3, "02", "01")],
  },
  {
    name: "of a channel the four of the highest messages are kept",
    messages: [
      ...[12, 13, 14, 15, 11].map((message) => one(message, "01" + varint(message), varint(message))),
      absent(20, varint(2 * 9)),
      one(20, varint(2 * 8), "0c"),
      one(21, "01ff", "ff"),
      absent(22, varint(2 * 10)),
      one(22, varint(2 * 9), "0d"),
    ],
  },
  {
    name: "the newest are kept that come to 1,000 bytes, and a quarter more at most",
    messages: [
      one(1, "01" + "aa".repeat(436), "aa".repeat(436)),
      one(2, "01" + "bb".repeat(436), "bb".repeat(436)),
      one(3, varint(4), "aa".repeat(436)),
      one(4, "01" + "cc".repeat(836), "cc".repeat(836)),
      absent(5, varint(8)),
      one(6, varint(4), "cc".repeat(836)),
    ],
  },
  { name: "the message itself as the baseline of one before it", messages: [wrong(3, "06")] },
  { name: "a payload without its head", messages: [wrong(3, "")] },
  { name: "a row past its baseline", messages: [one(2, "0101", "01"), wrong(3, "02" + "0101aa")] },
  { name: "a value above 8,192 bytes", messages: [wrong(3, "00" + "aa".repeat(8_193))] },
  {
    name: "values above 65,536 bytes in a message",
    messages: [
      one(2, "01" + "00".repeat(900), "00".repeat(900)),
      {
        bytes: "0303" +
          differing(...Array.from({ length: 73 }, (_, i): [number, number, string] => [1, 3 + i, "02"])),
        error: "limit_exceeded",
      },
    ],
  },
  {
    name: "flags that are not defined",
    messages: [{
      bytes: "0303" + "0f" + "0106" + "00401e18240a0600" + "07" + "01010000",
      error: "bad_frame",
    }],
  },
];

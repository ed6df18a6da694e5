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

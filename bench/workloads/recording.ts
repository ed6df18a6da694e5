/**
 * Recordings that benchmarks read: made once, kept from one benchmark to the next.
 *
 * @module
 */
import { openStore } from "../../db/open.ts";
import { Topic } from "../../hub/topic.ts";

/** Where they are kept. */
export const FOLDER = new URL("../../dist/bench/", import.meta.url).pathname;

/** The recording lies in the past and is larger than what a gateway keeps by default. */
export const KEEP_ALL = ["--retention-max-age", "off", "--retention-max-bytes", "off"];

/** Samples that may wait for the disk while a recording is made. */
const FLUSH_EVERY = 100_000;

/** Makes what is not there yet; what was made only in part is made again. */
export async function once(
  path: string,
  make: () => Promise<void>,
  tell: () => void = () => {},
): Promise<void> {
  const mark = `${path}.done`;
  try {
    await Deno.stat(mark);
    return;
  } catch {
    tell();
  }
  await Deno.mkdir(FOLDER, { recursive: true });
  await Deno.remove(path, { recursive: true }).catch(() => {});
  await make();
  await Deno.writeTextFile(mark, "");
}

/** What is to be on record. */
export interface Recording {
  dir: string;
  /** Topics `dev/t0`, `dev/t1`, … */
  topics: number;
  /** Samples of each topic. */
  each: number;
  startUs: number;
  periodUs: number;
  encoding: "f64";
  /** The payload, written anew for each sample by `fill`. */
  bytes: Uint8Array;
  fill(topic: number, i: number): void;
}

/** Makes a recording. */
export async function record(what: Recording): Promise<void> {
  const { bytes } = what;
  const store = await openStore({ dir: what.dir });
  const topics = Array.from({ length: what.topics }, (_, i) => {
    const description = {
      name: `dev/t${i}`,
      deliveryClass: "state",
      encoding: what.encoding,
      writable: false,
    } as const;
    const topic = new Topic(i + 1, description, store.boot.epoch);
    store.recorder.define(topic);
    return topic;
  });
  let waiting = 0;
  for (let i = 0; i < what.each; i++) {
    for (const [t, topic] of topics.entries()) {
      what.fill(t, i);
      const timeUs = what.startUs + i * what.periodUs + t;
      const sample = {
        topic,
        offset: ++topic.lastOffset,
        timeUs,
        session: 1,
        bytes,
        start: 0,
        end: bytes.length,
      };
      if (!store.recorder.state(sample)) throw new Error("the recording is full");
    }
    if ((waiting += topics.length) < FLUSH_EVERY) continue;
    waiting = 0;
    await store.recorder.flush();
  }
  await store.recorder.flush();
  await store.maintain();
  await store.close();
}

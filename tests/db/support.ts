/** Folders, topics and samples for the tests of the database. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openStore, type StoreOptions } from "../../db/open.ts";
import type { Store } from "../../db/store.ts";
import { DatabaseThread, type WorkerRole } from "../../db/thread.ts";
import type { ReplayItem, ReplayRequest } from "../../hub/recording.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import { Topic, type TopicDescription } from "../../hub/topic.ts";
import { BatchReader } from "../../protocol/batch.ts";
import { currentRuntime } from "../../runtime/mod.ts";

/** Where the work is done. */
export const MODES = ["in this thread", "in workers"] as const;
export type Mode = typeof MODES[number];

/** Starts one of the database's threads. */
export function startThread(role: WorkerRole): DatabaseThread {
  const module = new URL("../../gateway/thread.ts", import.meta.url).href;
  return new DatabaseThread(role, currentRuntime().startWorker(role, module));
}

/** A data folder that is removed at the end. */
export class Folder {
  readonly dir = mkdtempSync(join(tmpdir(), "tidegate-db-"));
  #open: Store[] = [];

  constructor(readonly mode: Mode = "in this thread") {}

  async open(options: Partial<StoreOptions> = {}): Promise<Store> {
    const workers = this.mode === "in workers" ? { startThread } : {};
    const store = await openStore({ dir: this.dir, ...workers, ...options });
    this.#open.push(store);
    return store;
  }

  async close(store: Store): Promise<void> {
    this.#open = this.#open.filter((one) => one !== store);
    await store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#open) await store.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Makes every row that goes into a table fail as on a full disk, until `mend`. */
export function fillDisk(dir: string, table: "chunks" | "blocks"): { mend(): void } {
  const raw = new DatabaseSync(`${dir}/tidegate.db`);
  raw.exec("PRAGMA busy_timeout = 60000"); // the store writes from a thread of its own
  raw.exec(`CREATE TRIGGER full BEFORE INSERT ON ${table}
    BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END`);
  return {
    mend: () => {
      raw.exec("DROP TRIGGER full");
      raw.close();
    },
  };
}

/** A topic that the store knows. */
export function topic(store: Store, id: number, change: Partial<TopicDescription> = {}): Topic {
  const made = new Topic(id, {
    name: `dev/t${id}`,
    deliveryClass: "state",
    encoding: "f64",
    writable: false,
    ...change,
  }, store.boot.epoch);
  store.recorder.define(made);
  return made;
}

/** The next sample of a topic. */
export function sample(
  topic: Topic,
  timeUs: number,
  payload: Uint8Array | number,
  session = 1,
): BorrowedSample {
  const bytes = typeof payload === "number" ? f64(payload) : payload;
  return { topic, offset: ++topic.lastOffset, timeUs, session, bytes, start: 0, end: bytes.length };
}

/** A number as a payload. */
export function f64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}

/** One sample read back. */
export interface Seen {
  topic: number;
  offset: number;
  timeUs: number;
  payload: Uint8Array;
}

/** Everything that a replay yields. */
export async function replayed(
  store: Store,
  request: Omit<ReplayRequest, "feed" | "maxBatchBytes"> & { maxBatchBytes?: number },
): Promise<{ samples: Seen[]; told: Exclude<ReplayItem, { kind: "batch" }>[] }> {
  const samples: Seen[] = [];
  const told: Exclude<ReplayItem, { kind: "batch" }>[] = [];
  const reader = new BatchReader();
  for await (const item of store.reader.replay({ feed: 7, maxBatchBytes: 4096, ...request })) {
    if (item.kind !== "batch") {
      told.push(item);
      continue;
    }
    reader.open(item.bytes);
    while (reader.next()) {
      const { channel, sequence, timeUs, bytes, start, end } = reader;
      samples.push({ topic: channel, offset: sequence, timeUs, payload: bytes.slice(start, end) });
    }
  }
  return { samples, told };
}

/** Any time in microseconds, for samples. */
export const T0 = 1_750_000_000_000_000;

/**
 * Opens the database for the main thread.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import type { RecordingReader, ReplayItem, ReplayRequest } from "../hub/recording.ts";
import { CommitQueue } from "./commits.ts";
import type { ReaderMethods, StoreLimits, WriterMethods, WriterNotice } from "./messages.ts";
import { ChunkRecorder } from "./recorder.ts";
import { Client, localPorts, type Methods, type Port } from "./rpc.ts";
import { SessionRecords } from "./session_log.ts";
import type { Chore } from "./setbacks.ts";
import type { Store, StoreStatus } from "./store.ts";
import type { DatabaseThread, WorkerRole } from "./thread.ts";

/** Defaults of {@link StoreLimits}. */
export const DEFAULT_LIMITS: StoreLimits = {
  maxBytes: 0,
  maxAgeMs: 0,
  compactBytes: 16 * 1024 * 1024,
  synchronous: "normal",
};

/** Bytes of samples that may be under way to the writer. */
const MAX_QUEUED_BYTES = 32 * 1024 * 1024;

/** How long closing waits for the last commit, in milliseconds; the whole gateway has five seconds. */
const CLOSE_WITHIN_MS = 3_000;

/** Options of {@link openStore}. */
export interface StoreOptions {
  /** Data folder; made where it does not exist. */
  dir: string;
  /**
   * Starts a thread that calls `runWorker(role)`, or hands out one that was started before. Without, all the work
   * is done in this thread: for tests and for commands that run while no gateway does.
   */
  startThread?: (role: WorkerRole) => DatabaseThread;
  /** What the recording is kept within; see {@link DEFAULT_LIMITS}. */
  limits?: Partial<StoreLimits>;
  /** Bytes of samples that may be under way to the disk before they are refused. Default 32 MiB. */
  maxQueuedBytes?: number;
  /** Is told what goes wrong, and when it is right again. */
  log?: Log;
}

type Log = (level: "info" | "warn" | "error", message: string) => void;

/**
 * Opens the database in a folder, making it where there is none. What is already on record can be asked for at
 * once, but is answered a moment later than the recording starts: its thread is started when the database is open.
 *
 * @throws when the folder is in use by another gateway, cannot be written, or holds something else; the message
 * says what to do.
 *
 * @example
 * ```ts ignore
 * const store = await openStore({ dir: "./data", startThread });
 * store.recorder.define(topic);
 * store.recorder.state(sample);
 * await store.close();
 * ```
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  makeFolder(options.dir);
  const { dir, startThread, log = () => {} } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const state: { recorder?: ChunkRecorder; reader?: Client<ReaderMethods> } = {};
  let checkpointing = false;
  const died = Promise.withResolvers<Error>();
  const checkpoint = () => {
    if (checkpointing || !state.reader) return;
    checkpointing = true;
    const over = () => void (checkpointing = false);
    // What fails here is left to the writer, which carries the log over itself when it gets too long.
    state.reader.call("checkpoint", null).then(over, over);
  };
  const recording = (error: string | null) => {
    if (error) log("error", `recording has stopped: ${error}`);
    else log("info", "recording goes on");
    if (state.recorder) state.recorder.failing = error !== null;
  };
  const noticed = (notice: WriterNotice) => {
    switch (notice.kind) {
      case "grown":
        return checkpoint();
      case "error":
        return recording(notice.error);
      case "setback":
        return tellSetback(notice, log);
    }
  };
  const failed = (error: Error) => {
    log("error", error.message);
    died.resolve(error);
  };
  const writer = connect<WriterMethods>(startThread?.("storage"), loadWriter, (error) => {
    recording(error.message);
    failed(error);
  }, noticed);
  try {
    await writer.ready;
    const opened = await writer.client.call("open", { dir, limits });
    const reader = connect<ReaderMethods>(startThread?.("reader"), loadReader, failed);
    const reading = openReader(reader, dir, opened.boot.epoch);
    reading.then((client) => state.reader = client, failed);
    const warn = (message: string) => log("error", message);
    const commits = new CommitQueue(writer.client, warn);
    const recorder = new ChunkRecorder(
      commits,
      opened.producers,
      options.maxQueuedBytes ?? MAX_QUEUED_BYTES,
      warn,
    );
    state.recorder = recorder;
    const sessionLog = new SessionRecords(commits, opened.boot.epoch, opened.nextSession);
    return store(opened.boot, recorder, sessionLog, commits, writer, { reading, reader }, died.promise);
  } catch (error) {
    writer.stop();
    throw error;
  }
}

/** The chores of tidying in words for the log. */
const CHORE_NAMES: Record<Chore, string> = {
  trim: "removing old samples",
  forget: "forgetting old devices' positions",
  regroup: "regrouping samples by topic",
  merge: "merging small blocks",
};

/** Tells, once, that a chore is refused, and that it is done again. */
function tellSetback({ chore, error }: { chore: Chore; error: string | null }, log: Log): void {
  const name = CHORE_NAMES[chore];
  if (error === null) log("info", `${name} in the recording goes on`);
  else log("warn", `${name} in the recording fails and is tried again; recording goes on: ${error}`);
}

/** The threads' own parts are loaded here only where they run in this thread. */
const loadWriter = async () => (await import("./writer.ts")).startWriter;
const loadReader = async () => (await import("./reader.ts")).startReader;

async function openReader(
  reader: Connected<ReaderMethods>,
  dir: string,
  epoch: string,
): Promise<Client<ReaderMethods>> {
  await reader.ready;
  await reader.client.call("open", { dir, epoch });
  return reader.client;
}

function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw new Error(
      `data folder ${dir} cannot be made: ${(error as Error).message}; choose another with --data`,
      { cause: error },
    );
  }
}

interface Connected<M extends Methods> {
  client: Client<M>;
  /** Resolves when calls arrive. */
  ready: Promise<void>;
  stop(): void;
}

/** Connects to a thread, or to the same code in this one. */
function connect<M extends Methods>(
  thread: DatabaseThread | undefined,
  load: () => Promise<(port: Port) => void>,
  failed: (error: Error) => void,
  noticed?: (notice: WriterNotice) => void,
): Connected<M> {
  const told = (notice: unknown) => noticed?.(notice as WriterNotice);
  if (!thread) {
    const [here, there] = localPorts();
    const ready = load().then((start) => start(there));
    return { client: new Client<M>(here, told), ready, stop: () => {} };
  }
  const client = new Client<M>(thread.port, told);
  thread.onFailed((error) => {
    client.fail(error);
    failed(error);
  });
  return { client, ready: thread.ready, stop: () => thread.stop() };
}

/** The thread that answers questions, and its client once the database is open there. */
interface Reading {
  reader: Connected<ReaderMethods>;
  reading: Promise<Client<ReaderMethods>>;
}

function store(
  boot: Store["boot"],
  recorder: ChunkRecorder,
  sessionLog: SessionRecords,
  commits: CommitQueue,
  writer: Connected<WriterMethods>,
  { reader, reading }: Reading,
  failed: Promise<Error>,
): Store {
  /** Asks the reader, after all that was said before is on disk. */
  const ask = async <K extends keyof ReaderMethods>(method: K, argument: ReaderMethods[K]["argument"]) => {
    await recorder.flushIfPossible();
    return await (await reading).call(method, argument);
  };
  return {
    boot,
    failed,
    recorder,
    sessionLog,
    reader: replayer(recorder, reading),
    putToken: (row) => commits.put({ kind: "token", row }),
    putDevice: (row) => commits.put({ kind: "device", row }),
    putDesired: (row) => commits.push({ kind: "desired", row: { ...row, payload: row.payload.slice() } }),
    putCursor: (row) => commits.push({ kind: "cursor", row: { ...row } }),
    putMqttSession: (row) => commits.put({ kind: "mqtt_session", row: structuredClone(row) }),
    dropMqttSession: ({ token, client }, reader) =>
      commits.put({ kind: "mqtt_session_over", token, client, reader }),
    sessions: (filter) => ask("sessions", filter),
    session: async (id) => await ask("session", id) ?? undefined,
    sessionEvents: (id) => ask("sessionEvents", id),
    sessionTopics: (id) => ask("sessionTopics", id),
    series: (request) => ask("series", request),
    maintain: async (nowMs = Date.now()) => {
      await recorder.flush();
      await writer.client.call("maintain", { nowMs });
    },
    status: async (): Promise<StoreStatus> => {
      const { removedSamples, ...status } = await writer.client.call("status", null);
      const drops: Record<string, number> = { ...recorder.drops };
      if (commits.droppedChanges > 0) drops.session_story = commits.droppedChanges;
      return { ...status, removedSamples, queuedBytes: recorder.queuedBytes, drops };
    },
    close: async () => {
      recorder.close();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_WITHIN_MS));
      await Promise.race([recorder.flush(), late]);
      clearTimeout(timer);
      // One that has failed has nothing to close, and must not keep the writer from it.
      await reading.then((client) => client.call("close", null)).catch(() => {});
      await writer.client.call("close", null);
      reader.stop();
      writer.stop();
    },
  };
}

/** The recording as an iterable of items; asks for a page while the one before is being used. */
function replayer(recorder: ChunkRecorder, reading: Promise<Client<ReaderMethods>>): RecordingReader {
  return {
    async *replay(request: ReplayRequest): AsyncGenerator<ReplayItem> {
      await recorder.flushIfPossible();
      const reader = await reading;
      const id = await reader.call("replayOpen", request);
      let page = reader.call("replayNext", id);
      try {
        for (;;) {
          const { items, done } = await page;
          if (!done) page = reader.call("replayNext", id);
          yield* items;
          if (done) return;
        }
      } finally {
        page.catch(() => {});
        await reader.call("replayClose", id).catch(() => {});
      }
    },
  };
}

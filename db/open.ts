/**
 * Opens the database for the main thread.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import type { RecordingReader, ReplayItem, ReplayRequest } from "../hub/recording.ts";
import { CommitQueue } from "./commits.ts";
import type { ReaderMethods, StoreLimits, WriterMethods, WriterNotice } from "./messages.ts";
import { startReader } from "./reader.ts";
import { ChunkRecorder } from "./recorder.ts";
import { Client, localPorts, type Methods, type Port } from "./rpc.ts";
import { SessionRecords } from "./session_log.ts";
import type { Store, StoreStatus } from "./store.ts";
import { READY, type WorkerRole } from "./worker.ts";
import { startWriter } from "./writer.ts";

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

/** How long a worker may take to start, in milliseconds; it takes some tens. */
const START_WITHIN_MS = 20_000;

/** Options of {@link openStore}. */
export interface StoreOptions {
  /** Data folder; made where it does not exist. */
  dir: string;
  /**
   * Starts this program as a worker under `role`, where main calls `runWorker(role)`. Without, all the work is
   * done in this thread: for tests and for commands that run while no gateway does.
   */
  startWorker?: (role: WorkerRole) => Worker;
  /** What the recording is kept within; see {@link DEFAULT_LIMITS}. */
  limits?: Partial<StoreLimits>;
  /** Bytes of samples that may be under way to the disk before they are refused. Default 32 MiB. */
  maxQueuedBytes?: number;
  /** Is told what goes wrong, and when it is right again. */
  log?: (level: "info" | "warn" | "error", message: string) => void;
}

/**
 * Opens the database in a folder, making it where there is none.
 *
 * @throws when the folder is in use by another gateway, cannot be written, or holds something else; the message
 * says what to do.
 *
 * @example
 * ```ts ignore
 * const store = await openStore({ dir: "./data", startWorker: runtime.startWorker });
 * store.recorder.define(topic);
 * store.recorder.state(sample);
 * await store.close();
 * ```
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  makeFolder(options.dir);
  const { dir, startWorker, log = () => {} } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const state: { recorder?: ChunkRecorder; reader?: Client<ReaderMethods> } = {};
  let checkpointing = false;
  const died = Promise.withResolvers<Error>();
  const noticed = (notice: WriterNotice) => {
    if (notice.kind === "grown") {
      if (checkpointing || !state.reader) return;
      checkpointing = true;
      const over = () => void (checkpointing = false);
      // What fails here is left to the writer, which carries the log over itself when it gets too long.
      state.reader.call("checkpoint", null).then(over, over);
      return;
    }
    const { error } = notice;
    if (error) log("error", `recording has stopped: ${error}`);
    else log("info", "recording goes on");
    if (state.recorder) state.recorder.failing = error !== null;
  };
  // Both threads start at once; the reader opens the file when the writer has brought it up to date.
  const starting = [
    connect<WriterMethods>("storage", startWorker, startWriter, log, died.resolve, noticed),
    connect<ReaderMethods>("reader", startWorker, startReader, log, died.resolve),
  ] as const;
  try {
    const [writer, reader] = await Promise.all(starting);
    const opened = await writer.client.call("open", { dir, limits });
    await reader.client.call("open", { dir, epoch: opened.boot.epoch });
    state.reader = reader.client;
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
    return store(opened.boot, recorder, sessionLog, commits, writer, reader, died.promise);
  } catch (error) {
    for (const one of starting) one.then((connected) => connected.stop(), () => {});
    throw error;
  }
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
  stop(): void;
}

/** Connects to a worker, or to the same code in this thread. */
async function connect<M extends Methods>(
  role: WorkerRole,
  startWorker: StoreOptions["startWorker"],
  startHere: (port: Port) => void,
  log: NonNullable<StoreOptions["log"]>,
  died: (error: Error) => void,
  noticed?: (notice: WriterNotice) => void,
): Promise<Connected<M>> {
  const told = (notice: unknown) => noticed?.(notice as WriterNotice);
  if (!startWorker) {
    const [here, there] = localPorts();
    startHere(there);
    return { client: new Client<M>(here, told), stop: () => {} };
  }
  const worker = startWorker(role);
  const ready = Promise.withResolvers<void>();
  const client = new Client<M>({
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen: (received) =>
      worker.onmessage = ({ data }) => {
        if (data === READY) ready.resolve();
        else received(data);
      },
  }, told);
  worker.onerror = (event) => {
    event.preventDefault?.();
    const error = new Error(`the ${role} worker failed: ${event.message}; restart the gateway`);
    log("error", error.message);
    noticed?.({ kind: "error", error: error.message });
    client.fail(error);
    ready.reject(error);
    died(error);
  };
  const timer = setTimeout(
    () => ready.reject(new Error(`the ${role} worker did not start`)),
    START_WITHIN_MS,
  );
  try {
    await ready.promise;
  } catch (error) {
    worker.terminate();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return { client, stop: () => worker.terminate() };
}

function store(
  boot: Store["boot"],
  recorder: ChunkRecorder,
  sessionLog: SessionRecords,
  commits: CommitQueue,
  writer: Connected<WriterMethods>,
  reader: Connected<ReaderMethods>,
  failed: Promise<Error>,
): Store {
  /** Asks the reader, after all that was said before is on disk. */
  const ask = async <K extends keyof ReaderMethods>(method: K, argument: ReaderMethods[K]["argument"]) => {
    await recorder.flushIfPossible();
    return await reader.client.call(method, argument);
  };
  return {
    boot,
    failed,
    recorder,
    sessionLog,
    reader: replayer(recorder, reader.client),
    putToken: (row) => commits.put({ kind: "token", row }),
    putDevice: (row) => commits.put({ kind: "device", row }),
    putDesired: (row) => commits.push({ kind: "desired", row: { ...row, payload: row.payload.slice() } }),
    putCursor: (row) => commits.push({ kind: "cursor", row: { ...row } }),
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
      await reader.client.call("close", null);
      await writer.client.call("close", null);
      reader.stop();
      writer.stop();
    },
  };
}

/** The recording as an iterable of items; asks for a page while the one before is being used. */
function replayer(recorder: ChunkRecorder, reader: Client<ReaderMethods>): RecordingReader {
  return {
    async *replay(request: ReplayRequest): AsyncGenerator<ReplayItem> {
      await recorder.flushIfPossible();
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

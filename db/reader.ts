/**
 * The one reader: answers what the main thread asks, from a connection that cannot change anything. Runs in a
 * worker, or in this thread where there is none. Long answers are worked on in turns. Carries the write-ahead log
 * over too, which the writer cannot wait for.
 *
 * @module
 */
import type { ReaderMethods } from "./messages.ts";
import { Replay } from "./replay.ts";
import { type Handlers, type Port, serve, Transferring } from "./rpc.ts";
import { SampleSource } from "./sample_source.ts";
import { readSeries } from "./series.ts";
import { findSession, listSessionEvents, listSessions, listSessionTopics } from "./session_queries.ts";
import { DATABASE_FILE, openForCheckpoints, openForReading } from "./sqlite.ts";

/** Lets the messages that have come in go first. */
const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** Serves {@link ReaderMethods} on `port`. */
export function startReader(port: Port): void {
  let reader: Reader | undefined;
  const opened = () => {
    if (!reader) throw new Error("the database is not open for reading");
    return reader;
  };
  const handlers: Handlers<ReaderMethods> = {
    open: ({ dir, epoch }) => {
      reader = new Reader(dir, epoch);
      return null;
    },
    replayOpen: (request) => opened().replayOpen(request),
    replayNext: (id) => opened().replayNext(id),
    replayClose: (id) => opened().replayClose(id),
    series: (request) => readSeries(opened().source, opened().gateway, request, turn),
    sessions: (filter) => listSessions(opened().db, opened().gateway, filter),
    session: (id) => findSession(opened().db, opened().gateway, id),
    sessionEvents: (id) => listSessionEvents(opened().db, id),
    sessionTopics: (id) => listSessionTopics(opened().db, opened().source, id),
    checkpoint: () => opened().checkpoint(),
    close: () => {
      reader?.close();
      reader = undefined;
      return null;
    },
  };
  serve(port, handlers);
}

class Reader {
  readonly source: SampleSource;
  readonly gateway: string;
  readonly #run: number;
  readonly #log: ReturnType<typeof openForCheckpoints>;
  #replays = new Map<number, Replay>();
  #next = 1;

  /** `epoch` is the current one, `<gateway>.<run>`. */
  constructor(dir: string, epoch: string) {
    this.source = new SampleSource(openForReading(`${dir}/${DATABASE_FILE}`));
    this.#log = openForCheckpoints(`${dir}/${DATABASE_FILE}`);
    const dot = epoch.lastIndexOf(".");
    this.gateway = epoch.slice(0, dot);
    this.#run = Number(epoch.slice(dot + 1));
  }

  get db() {
    return this.source.connection.db;
  }

  replayOpen(request: ReaderMethods["replayOpen"]["argument"]): number {
    const id = this.#next++;
    this.#replays.set(id, new Replay(this.source, request, { gateway: this.gateway, run: this.#run }));
    return id;
  }

  replayNext(id: number) {
    const replay = this.#replays.get(id);
    if (!replay) return { items: [], done: true };
    const page = replay.page();
    if (page.done) this.#replays.delete(id);
    const buffers = page.items.flatMap((item) =>
      item.kind === "batch" ? [item.bytes.buffer as ArrayBuffer] : []
    );
    return new Transferring(page, buffers);
  }

  replayClose(id: number): null {
    this.#replays.delete(id);
    return null;
  }

  checkpoint(): null {
    this.#log.checkpoint();
    return null;
  }

  close(): void {
    this.#log.close();
    this.source.connection.raw.close();
  }
}

/**
 * The main thread's way to the writer: gathers changes, keeps count of what is under way.
 *
 * @module
 */
import type { Change, FilledChunk, WriterMethods } from "./messages.ts";
import type { Client } from "./rpc.ts";

/** How long a change waits for others before it goes to the writer, in milliseconds. */
const GATHER_MS = 100;

/** Changes waiting while the disk refuses; beyond that, those that only tell a story are dropped. */
const MAX_CHANGES = 65_536;

/** Hands changes and chunks to the writer in order. */
export class CommitQueue {
  /** Commits sent and not yet reported. */
  underWay = 0;
  /** Session events and totals dropped because the writer fell too far behind. */
  droppedChanges = 0;
  #changes: Change[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #sentChanges = 0;

  constructor(
    private readonly writer: Client<WriterMethods>,
    private readonly log: (message: string) => void,
  ) {}

  /** Puts a change on the way; it is committed with others within a moment. */
  push(change: Change): void {
    const story = change.kind === "session_event" || change.kind === "totals";
    if (story && this.#changes.length + this.#sentChanges >= MAX_CHANGES) {
      this.droppedChanges++;
      return;
    }
    this.#changes.push(change);
    this.#timer ??= setTimeout(() => this.#sendChanges(), GATHER_MS);
  }

  /** Commits one change by itself. Rejects when the database refuses it. */
  async put(change: Change): Promise<void> {
    this.#sendChanges();
    await this.#track(this.writer.call("commit", { changes: [change] }));
  }

  /**
   * Sends the gathered changes, and behind them a chunk, in one commit.
   *
   * @returns the chunk's buffer once it is committed; rejects when the database refuses it.
   */
  async send(chunk: FilledChunk): Promise<ArrayBuffer | undefined> {
    const changes = this.#take();
    const sent = this.#track(this.writer.call("commit", { changes, chunk }, [chunk.buffer]));
    try {
      return (await sent).buffer;
    } finally {
      this.#sentChanges -= changes.length;
    }
  }

  #take(): Change[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const changes = this.#changes;
    this.#changes = [];
    this.#sentChanges += changes.length;
    return changes;
  }

  #sendChanges(): void {
    const changes = this.#take();
    if (changes.length === 0) return;
    this.#track(this.writer.call("commit", { changes }))
      .catch((error) => this.log(`${changes.length} changes were not recorded: ${(error as Error).message}`))
      .finally(() => this.#sentChanges -= changes.length);
  }

  /** Resolves when all that was pushed and sent so far is committed or refused. */
  async settled(): Promise<void> {
    this.#sendChanges();
    await this.#last;
  }

  #track<T>(call: Promise<T>): Promise<T> {
    this.underWay++;
    const over = () => void this.underWay--;
    this.#last = Promise.all([this.#last, call.then(over, over)]);
    return call;
  }
}

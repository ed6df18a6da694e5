/**
 * The subscriptions of one dashboard session: made, looked after, and told what the peer knows already.
 *
 * @module
 */
import { CLOSE } from "../protocol/close_codes.ts";
import type { DashboardMessage, Subscribe, ToDashboard } from "../protocol/control.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { MAX_READING, MAX_SUBSCRIPTIONS } from "../protocol/limits.ts";
import { patternProblem } from "../protocol/topics.ts";
import type { SessionRecord } from "../hub/session_log.ts";
import type { StateOutbox } from "../hub/state_outbox.ts";
import type { Tally } from "../hub/tally.ts";
import type { Topic } from "../hub/topic.ts";
import type { Connection } from "../sessions/connection.ts";
import { Announced } from "./announced.ts";
import type { Backlog } from "./backlog.ts";
import type { DashboardContext } from "./context.ts";
import { Subscription } from "./subscription.ts";
import { Turns } from "./turns.ts";

/** What the subscriptions need of their session. */
export interface SubscriptionsParts {
  context: DashboardContext;
  connection: Connection<DashboardMessage, ToDashboard>;
  backlog: Backlog;
  record: SessionRecord;
  tally: Tally;
  /** Patterns that the session's token may read. */
  readable: readonly string[];
  /** The state lane, while samples go over it. */
  lane(): StateOutbox | undefined;
}

/** All subscriptions of one session. */
export class Subscriptions {
  readonly #byId = new Map<number, Subscription>();
  readonly #announced = new Announced();
  /** Turns at reading the recording. */
  readonly #turns = new Turns(MAX_READING);

  constructor(readonly parts: SubscriptionsParts) {}

  [Symbol.iterator](): Iterator<Subscription> {
    return this.#byId.values();
  }

  /**
   * Begins a subscription, in place of one with the same id.
   *
   * @throws {ProtocolError} when there are too many.
   */
  subscribe(request: Subscribe): void {
    const { id, patterns } = request;
    const { connection, record } = this.parts;
    const problem = patterns.length === 0
      ? "a subscription needs at least one pattern"
      : patterns.map(patternProblem).find((one) => one !== undefined);
    if (problem) {
      return connection.send({ type: "error", code: "bad_pattern", message: problem, ref: { id } });
    }
    if (!this.#byId.has(id) && this.#byId.size >= MAX_SUBSCRIPTIONS) {
      throw new ProtocolError(
        CLOSE.limitExceeded,
        `${this.#byId.size + 1} subscriptions are above the limit of ${MAX_SUBSCRIPTIONS}`,
      );
    }
    this.#byId.get(id)?.end();
    record.event("subscribed", { id, patterns: patterns.slice(0, 8), from: startOf(request) });
    this.#byId.set(id, this.#begin(request));
  }

  /** Ends a subscription; one that is not there is confirmed all the same. */
  unsubscribe(id: number): void {
    this.#byId.get(id)?.end();
    this.#byId.delete(id);
    this.parts.connection.send({ type: "unsubscribed", id });
  }

  /** Has those whose data waits for too long fall behind, and feeds those who are. */
  look(nowMs: number): void {
    const { backlog, connection } = this.parts;
    backlog.flow.look(nowMs);
    for (const subscription of this) {
      switch (backlog.look(nowMs, subscription.maxStaleMs, subscription.overLane)) {
        case "clear":
        case "waiting":
          break;
        case "behind":
          this.#fallBehind(subscription);
          break;
        case "stuck":
          return connection.refused();
      }
    }
    this.drain();
  }

  /** Feeds those who wait for room as far as the line has it. */
  drain(): void {
    for (const subscription of this) subscription.drain();
  }

  /** Tells the peer what was skipped. */
  report(): void {
    for (const subscription of this) subscription.report();
  }

  /** The session is over. */
  end(): void {
    for (const subscription of this) subscription.end();
  }

  #begin(request: Subscribe): Subscription {
    const { context, connection, backlog, tally, readable, lane } = this.parts;
    return new Subscription(request, {
      context,
      transport: connection.transport,
      backlog,
      tally,
      lane,
      readable,
      send: (message) => connection.send(message),
      announce: (topics, epoch) => this.#announce(topics, epoch),
      ready: () => backlog.cleared(),
      turns: this.#turns,
      failed: (message) => connection.close(CLOSE.internal, message, true),
      refused: () => connection.refused(),
    });
  }

  #announce(topics: Topic[], epoch?: string): void {
    for (const text of this.#announced.news(topics, epoch)) this.parts.connection.transmit(text);
  }

  #fallBehind(subscription: Subscription): void {
    const { connection, backlog, record } = this.parts;
    if (subscription.behind || connection.over) return;
    subscription.fallBehind();
    if (!subscription.behind) return;
    record.event("behind", {
      subscription: subscription.id,
      waiting: connection.transport.bufferedBytes,
      underWay: backlog.flow.inFlight,
    });
  }
}

/** Where a subscription begins, short enough for the session's story. */
function startOf({ from = "snapshot" }: Subscribe): string {
  if (typeof from === "string") return from;
  return from.positions ? `${Object.keys(from.positions).length} positions` : `time ${from.time}`;
}

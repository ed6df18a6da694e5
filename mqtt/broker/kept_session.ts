/**
 * The session of an MQTT client that asked for one which outlives its connection (MQTT 3.1.1 section 3.1.2.4, clean
 * session 0): its subscriptions, and up to where it has acknowledged the events of each topic. The events
 * themselves are on record, so nothing is queued for a client that is away; when it is back it gets what it missed
 * from the recording, and then what comes.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Position } from "../../protocol/control.ts";
import { PatternSet } from "../../hub/pattern.ts";
import type { Principal } from "../../hub/access.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import { Cursors } from "../bridge/cursors.ts";
import { EventLane } from "../bridge/event_lane.ts";
import type { OutgoingEvent } from "../bridge/outgoing_event.ts";
import { Losses } from "../bridge/losses.ts";
import { outgoing } from "../payload.ts";
import type { BrokerContext, KeptRow, KeptSubscription } from "./context.ts";
import { Deliveries } from "./deliveries.ts";
import { publishPacket } from "./packets.ts";
import { newestState } from "./retained.ts";

/** Events that a client may have unacknowledged. */
const WINDOW = 256;

/** … and their payloads, in bytes. */
const MAX_UNDER_WAY_BYTES = 1_048_576;

/** Most events a second out of the recording for one client. */
const DRAIN_PER_SECOND = 20_000;

/** Most that a session's filters may add up to, in bytes: they are written as a whole when one is added. */
const MAX_FILTER_BYTES = 65_536;

/** What a filter counts beside its length, in bytes. */
const FILTER_BYTES = 16;

/** How long a subscription may take to reach the disk before the client is told of it anyhow, in milliseconds. */
const KEEP_WITHIN_MS = 2_000;

/** A connection of the session's client. */
export interface KeptClient {
  readonly id: string;
  readonly principal: Principal;
  /** Sends a packet soon. */
  write(packet: Buffer): void;
  /** Sends the newest value of a state topic. */
  newest(sample: BorrowedSample): void;
  end(reason: string): void;
}

/** What is under way to the client. */
interface Flow {
  lane: EventLane;
  deliveries: Deliveries;
  losses: Losses;
}

/** Whether the client is here. */
type Phase =
  | { at: "away" }
  /** Let in; nothing may be sent before it knows that. */
  | { at: "arriving"; client: KeptClient }
  | { at: "here"; client: KeptClient; flow: Flow };

/** One session. */
export class KeptSession {
  readonly #context: BrokerContext;
  readonly #row: KeptRow;
  readonly #cursors: Cursors;
  /** Packet identifiers of what the last connection left unacknowledged. */
  #unanswered: ReadonlyMap<string, number> = new Map();
  #phase: Phase = { at: "away" };
  #over = false;

  /** @param cursors How far its client has got, where it comes from an earlier run. */
  constructor(context: BrokerContext, row: KeptRow, cursors: Iterable<[topic: number, Position]>) {
    this.#context = context;
    this.#row = row;
    this.#cursors = new Cursors(readerOf(row), context.sessions, cursors);
  }

  get row(): Readonly<KeptRow> {
    return this.#row;
  }

  /** Whether its client is connected. */
  get inUse(): boolean {
    return this.#phase.at !== "away";
  }

  get subscriptions(): readonly KeptSubscription[] {
    return this.#row.subscriptions;
  }

  /** The client has been let in; a former connection of it gets nothing any more. */
  arrives(client: KeptClient): void {
    this.rest();
    this.#phase = { at: "arriving", client };
  }

  /** The client knows that it was let in: sends it what it does not have, then what comes. */
  begin(client: KeptClient): void {
    if (this.#phase.at !== "arriving" || this.#phase.client !== client || this.#over) return;
    const flow = this.#flowTo(client);
    this.#phase = { at: "here", client, flow };
    this.seen();
    flow.lane.online(WINDOW);
    this.#sendStates(client);
  }

  /** This connection of the client is gone. */
  leaves(client: KeptClient): void {
    const phase = this.#phase;
    if (phase.at === "away" || phase.client !== client) return;
    this.#phase = { at: "away" };
    if (phase.at === "arriving") return;
    const { lane, losses, deliveries } = phase.flow;
    lane.stop();
    losses.flush();
    this.#unanswered = deliveries.unanswered;
    if (!this.#over) this.seen();
  }

  /** PUBACK came; false when it is for no message of this session. */
  acknowledged(id: number): boolean {
    return this.#flow?.deliveries.acknowledged(id) ?? false;
  }

  /** Sends what others have written for the client; resolves once it has it. */
  send(topic: string, payload: Uint8Array): Promise<void> {
    const phase = this.#phase;
    if (phase.at !== "here") return Promise.reject(new Error("the client is gone"));
    const qos = this.#row.subscriptions.find(({ filter }) => filter === topic)?.qos ?? 0;
    if (qos > 0) {
      const { deliveries } = phase.flow;
      return new Promise((acked) => deliveries.send({ topic, payload, acked }));
    }
    phase.client.write(publishPacket(topic, payload));
    return Promise.resolve();
  }

  /**
   * The client subscribes. Resolves once that is on disk: what it is told it has is there after a crash.
   *
   * @returns false when the session has too many subscriptions already.
   */
  async subscribe(filter: string, qos: number): Promise<boolean> {
    const { subscriptions } = this.#row;
    const at = subscriptions.findIndex((one) => one.filter === filter);
    if (subscriptions[at]?.qos === qos) return true;
    const others = at < 0 ? subscriptions : subscriptions.filter((_, i) => i !== at);
    const bytes = others.reduce((sum, one) => sum + one.filter.length + FILTER_BYTES, filter.length);
    if (bytes > MAX_FILTER_BYTES) return false;
    this.#row.subscriptions = [...others, { filter, qos }];
    this.#retarget();
    await within(KEEP_WITHIN_MS, this.#put());
    return true;
  }

  /** The client wants these no more. */
  unsubscribe(filters: readonly string[]): void {
    const { subscriptions } = this.#row;
    const left = subscriptions.filter(({ filter }) => !filters.includes(filter));
    if (left.length === subscriptions.length) return;
    this.#row.subscriptions = left;
    this.#retarget();
    void this.#put();
  }

  /** Puts on disk that the client is, or was until now, there. */
  seen(): void {
    const { hub, clock } = this.#context;
    this.#row.epoch = hub.epoch;
    this.#row.seenAt = Math.floor(clock.nowUs() / 1_000);
    if (this.#row.subscriptions.length > 0) void this.#put();
  }

  /** Sends nothing to whoever is connected; the session stays. */
  rest(): void {
    if (this.#phase.at !== "away") this.leaves(this.#phase.client);
  }

  /** The session is over; resolves once nothing of it is on disk. */
  async end(): Promise<void> {
    this.#over = true;
    this.rest();
    await within(KEEP_WITHIN_MS, this.#context.sessions.dropMqttSession(this.#row, readerOf(this.#row)));
  }

  #put(): Promise<void> {
    return this.#context.sessions.putMqttSession(this.#row).catch((error) =>
      this.#context.fault("MQTT session", error)
    );
  }

  get #flow(): Flow | undefined {
    return this.#phase.at === "here" ? this.#phase.flow : undefined;
  }

  #flowTo(client: KeptClient): Flow {
    const { hub, reader, clock, counters, log, fault } = this.#context;
    const deliveries = new Deliveries((packet) => client.write(packet), this.#unanswered);
    const losses = new Losses(
      (reason, events) => counters.add("mqtt_broker_lost", reason, events),
      (message) => log("warn", `MQTT client ${client.id}: ${message}`),
      "client",
    );
    const patterns = this.#patterns(client.principal, 1);
    this.#beginMissed(patterns);
    const lane = new EventLane({
      hub,
      reader,
      patterns,
      cursors: this.#cursors,
      drainPerSecond: DRAIN_PER_SECOND,
      maxUnderWayBytes: MAX_UNDER_WAY_BYTES,
      publish: (event, acked) => this.#sendEvent(deliveries, event, acked),
      lost: (lost) => losses.add(lost),
      fault: (error) => {
        fault(`session of MQTT client ${client.id}`, error);
        client.end("its events cannot be read");
      },
      nowUs: () => clock.nowUs(),
    });
    return { lane, deliveries, losses };
  }

  /** Topics that the client gets at this quality of service or a higher one. */
  #patterns(principal: Principal, leastQos: number): PatternSet {
    const { tree } = this.#context;
    const wanted = this.#row.subscriptions.filter(({ qos }) => qos >= leastQos);
    return new PatternSet(wanted.flatMap(({ filter }) => tree.patternOf(filter) ?? []), principal.read);
  }

  #retarget(): void {
    const phase = this.#phase;
    if (phase.at === "here") phase.flow.lane.retarget(this.#patterns(phase.client.principal, 1));
  }

  /** Event topics without a cursor have appeared since the client was last here: it has nothing of them. */
  #beginMissed(patterns: PatternSet): void {
    for (const { id, description } of this.#context.hub.matching(patterns)) {
      if (description.deliveryClass !== "event" || description.writable || this.#cursors.get(id)) continue;
      this.#cursors.begin(id, { epoch: this.#row.epoch, offset: 0 });
    }
  }

  /**
   * What became of the states meanwhile: their newest values, all of them. When its former connection ended for the
   * client is not known here, and what went out on it since then nobody has.
   */
  #sendStates(client: KeptClient): void {
    for (const topic of this.#context.hub.matching(this.#patterns(client.principal, 0))) {
      const sample = newestState(topic);
      if (sample) client.newest(sample);
    }
  }

  #sendEvent(deliveries: Deliveries, event: OutgoingEvent, acked: () => void): void {
    const { topic, epoch, offset } = event;
    deliveries.send({
      key: `${topic.id} ${epoch} ${offset}`,
      topic: this.#context.tree.outward(topic.name),
      payload: outgoing("text", { ...event, session: 0 }, epoch),
      acked,
    });
  }
}

/** Whose cursors are a session's. */
export function readerOf({ token, client }: Pick<KeptRow, "token" | "client">): string {
  return `mqtt session ${token} ${client}`;
}

/** Waits, but not for ever; failing is told elsewhere. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([work.catch(() => {}), new Promise<void>((late) => timer = setTimeout(late, ms))]);
  clearTimeout(timer);
}

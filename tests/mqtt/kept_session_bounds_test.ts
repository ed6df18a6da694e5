/** What bounds the sessions that the embedded broker keeps, and what a client under way is owed. */
import { assertEquals } from "@std/assert";
import type { Buffer } from "node:buffer";
import { Counters } from "../../hub/counters.ts";
import { Hub } from "../../hub/hub.ts";
import type { Principal } from "../../hub/access.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { BrokerContext, KeptRow } from "../../mqtt/broker/context.ts";
import { Deliveries } from "../../mqtt/broker/deliveries.ts";
import type { KeptClient } from "../../mqtt/broker/kept_session.ts";
import { KeptSessions, MAX_SESSIONS, MAX_SESSIONS_PER_TOKEN } from "../../mqtt/broker/kept_sessions.ts";
import { TopicTree } from "../../mqtt/topics.ts";
import { MemoryRecording } from "../support/memory_recording.ts";

const HOUR_MS = 3_600_000;

/** The parts of a gateway that sessions see, with time and tokens in the test's hands. */
class World {
  nowMs = 1_000_000_000_000;
  readonly counters = new Counters();
  readonly recording = new MemoryRecording();
  readonly hub = new Hub({ epoch: "gw.2", recorder: this.recording, counters: this.counters });
  readonly stored = new Map<string, KeptRow>();
  readonly said: string[] = [];
  readonly #revoked = new Map<string, Set<() => void>>();
  readonly #tokens = new Set<string>();

  constructor() {
    this.recording.automatic = true;
    this.recording.onCommitted((...event) => this.hub.committed(...event));
  }

  sessions(keptSessions: KeptRow[] = []): KeptSessions {
    const { hub, counters, recording } = this;
    const context = {
      hub,
      counters,
      reader: recording,
      recorder: recording,
      clock: { nowUs: () => this.nowMs * 1_000 },
      tree: new TopicTree("gw"),
      keptSessions,
      keptCursors: [],
      sessionMaxAgeMs: 24 * HOUR_MS,
      isToken: (id: string) => this.#tokens.has(id),
      sessions: {
        putCursor: () => {},
        putMqttSession: (row: KeptRow) => {
          this.stored.set(`${row.token} ${row.client}`, structuredClone(row));
          return Promise.resolve();
        },
        dropMqttSession: ({ token, client }: KeptRow) => {
          this.stored.delete(`${token} ${client}`);
          return Promise.resolve();
        },
      },
      authorizer: {
        onRevoked: (token: string, revoked: () => void) => {
          const watchers = this.#revoked.get(token) ?? new Set();
          this.#revoked.set(token, watchers.add(revoked));
          return () => void watchers.delete(revoked);
        },
      },
      log: (_: string, message: string) => void this.said.push(message),
      fault: (_: string, error: unknown) => {
        throw error;
      },
    };
    return new KeptSessions(context as unknown as BrokerContext);
  }

  principal(tokenId: string): Principal {
    this.#tokens.add(tokenId);
    return { role: "dashboard", tokenId, label: tokenId, read: ["#"], write: [] };
  }

  revoke(token: string): void {
    for (const revoked of [...this.#revoked.get(token) ?? []]) revoked();
  }

  /** Publishes a state. */
  state(name: string, text: string): void {
    const topic = this.hub.define({ name, deliveryClass: "state", encoding: "utf8", writable: false });
    this.hub.publish(topic, this.nowMs * 1_000, 1, new TextEncoder().encode(text));
  }

  /** Publishes an event of a topic, committed at the end of the turn. */
  event(name: string, text: string): void {
    const topic = this.hub.define({ name, deliveryClass: "event", encoding: "utf8", writable: false });
    const bytes = new TextEncoder().encode(text);
    this.hub.publishEvent(topic, this.nowMs * 1_000, 1, bytes, 0, bytes.length, "p", topic.lastOffset + 1);
  }
}

/** A client that gets packets; `ended` when it was cut. */
class Client implements KeptClient {
  readonly packets: Buffer[] = [];
  /** Values of states that it got because it was not here before. */
  readonly states: string[] = [];
  readonly id = "c";
  #came = Promise.withResolvers<void>();

  constructor(readonly principal: Principal) {}

  write(packet: Buffer): void {
    this.packets.push(packet);
    this.#came.resolve();
    this.#came = Promise.withResolvers();
  }

  newest({ bytes, start, end }: BorrowedSample): void {
    this.states.push(new TextDecoder().decode(bytes.subarray(start, end)));
  }

  end(reason: string): void {
    throw new Error(reason);
  }

  async payloads(count: number): Promise<string[]> {
    while (this.packets.length < count) await this.#came.promise;
    return this.packets.map((packet) => packet.subarray(4 + packet.readUInt16BE(2) + 2).toString());
  }
}

async function away(sessions: KeptSessions, principal: Principal, client: string): Promise<void> {
  const session = sessions.open(principal, client)!;
  await session.subscribe("tidegate/#", 1);
}

Deno.test("a session goes when its client stays away for too long, and is told of by reason", async () => {
  const world = new World();
  const sessions = world.sessions();
  await away(sessions, world.principal("a"), "logger");
  world.nowMs += 23 * HOUR_MS;
  sessions.tidy();
  assertEquals(sessions.size, 1);
  world.nowMs += 2 * HOUR_MS;
  sessions.tidy();
  assertEquals([sessions.size, world.stored.size], [0, 0]);
  assertEquals(world.counters.get("mqtt_broker", "session_expired"), 1);
  assertEquals(world.said, [
    "the session of MQTT client logger is ended: its client has not been here for 1.0 days",
  ]);
});

Deno.test("a token's sessions are bounded, and push out its own oldest one, not those of others", async () => {
  const world = new World();
  const sessions = world.sessions();
  await away(sessions, world.principal("other"), "elder");
  for (let i = 0; i <= MAX_SESSIONS_PER_TOKEN; i++) {
    world.nowMs++;
    await away(sessions, world.principal("greedy"), String(i));
  }
  assertEquals(sessions.size, 1 + MAX_SESSIONS_PER_TOKEN);
  assertEquals(world.counters.get("mqtt_broker", "session_displaced"), 1);
  assertEquals([world.stored.has("other elder"), world.stored.has("greedy 0")], [true, false]);
});

Deno.test("where all sessions are in use no further one is kept, and the client is told that there is none", () => {
  const world = new World();
  const sessions = world.sessions();
  for (let i = 0; i < MAX_SESSIONS; i++) {
    const principal = world.principal(`token ${Math.floor(i / MAX_SESSIONS_PER_TOKEN)}`);
    sessions.open(principal, String(i))!.arrives(new Client(principal));
  }
  assertEquals(sessions.open(world.principal("late"), "one more"), undefined);
  assertEquals(world.counters.get("mqtt_broker", "session_not_kept"), 1);
});

Deno.test("sessions of earlier runs end where their token is gone, revoked later, or they hold nothing", () => {
  const world = new World();
  world.principal("valid");
  const subscriptions = [{ filter: "tidegate/#", qos: 1 }];
  const row = { epoch: "gw.1", seenAt: world.nowMs };
  const sessions = world.sessions([
    { ...row, token: "valid", client: "kept", subscriptions },
    { ...row, token: "valid", client: "empty", subscriptions: [] },
    { ...row, token: "gone", client: "orphan", subscriptions },
  ]);
  assertEquals(sessions.size, 1);
  world.revoke("valid");
  assertEquals(sessions.size, 0);
  assertEquals(world.counters.get("mqtt_broker", "session_revoked"), 2);
});

Deno.test("filters beyond 64 KiB are refused, those that are there stay", async () => {
  const world = new World();
  const session = world.sessions().open(world.principal("a"), "c")!;
  const long = "x".repeat(30_000);
  assertEquals(await session.subscribe(`a/${long}`, 1), true);
  assertEquals(await session.subscribe(`b/${long}`, 1), true);
  assertEquals(await session.subscribe(`c/${long}`, 1), false);
  assertEquals(await session.subscribe(`a/${long}`, 0), true);
  assertEquals(session.subscriptions.map(({ qos }) => qos), [1, 0]);
});

Deno.test("a topic that appears while the client is away is sent whole, one that it subscribes to from then on", async () => {
  const world = new World();
  const principal = world.principal("a");
  const session = world.sessions().open(principal, "c")!;
  world.event("pump/alarm", "before");
  await Promise.resolve();
  const first = new Client(principal);
  session.arrives(first);
  session.begin(first);
  await session.subscribe("tidegate/+/pump/#", 1);
  session.leaves(first);
  for (const [topic, text] of [["alarm", "1"], ["new", "2"], ["new", "3"]]) {
    world.event(`pump/${topic}`, text!);
  }
  await Promise.resolve();
  const second = new Client(principal);
  session.arrives(second);
  session.begin(second);
  assertEquals(await second.payloads(3), ["1", "2", "3"]);
  session.rest();
});

Deno.test("a client that is back before its former connection was noticed to be gone gets the states sent to that", async () => {
  const world = new World();
  const principal = world.principal("a");
  const session = world.sessions().open(principal, "c")!;
  const first = new Client(principal);
  session.arrives(first);
  session.begin(first);
  await session.subscribe("tidegate/#", 1);
  world.state("pump/level", "1");
  world.nowMs++;
  const second = new Client(principal);
  session.arrives(second);
  session.begin(second);
  assertEquals([first.states, second.states], [[], ["1"]]);
  session.rest();
});

Deno.test("what was not acknowledged is sent again under its identifier, marked; what was is not", async () => {
  const world = new World();
  const principal = world.principal("a");
  const session = world.sessions().open(principal, "c")!;
  const first = new Client(principal);
  session.arrives(first);
  session.begin(first);
  await session.subscribe("tidegate/#", 1);
  for (const text of ["1", "2", "3"]) world.event("pump/alarm", text);
  await first.payloads(3);
  assertEquals(session.acknowledged(idOf(first.packets[0]!)), true);
  const second = new Client(principal);
  session.arrives(second);
  world.event("pump/alarm", "4");
  session.begin(second);
  assertEquals(await second.payloads(3), ["2", "3", "4"]);
  assertEquals(second.packets.map((packet) => packet[0]), [0x3a, 0x3a, 0x32]);
  assertEquals(second.packets.slice(0, 2).map(idOf), first.packets.slice(1).map(idOf));
  session.rest();
});

Deno.test("no identifier is given out twice while it is under way", () => {
  const ids: number[] = [];
  const deliveries = new Deliveries((packet) => void ids.push(idOf(packet)), new Map([["former", 2]]));
  const message = { topic: "t", payload: new Uint8Array(1), acked: () => {} };
  deliveries.send(message);
  deliveries.send(message);
  for (let i = 0; i < 65_533; i++) {
    deliveries.send(message);
    deliveries.acknowledged(ids.at(-1)!);
  }
  deliveries.send(message);
  assertEquals([ids[0], ids[1], ids.at(-1)], [1, 3, 5]);
});

/** Packet identifier of a PUBLISH of less than 128 bytes. */
function idOf(packet: Buffer): number {
  return packet.readUInt16BE(4 + packet.readUInt16BE(2));
}

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { connectDevice } from "../../client/mod.ts";
import type { EventStorage, StoredTopic } from "../../client/mod.ts";
import { FakeDeviceGateway } from "./fake_device_gateway.ts";
import { LIMITS } from "../support/welcome.ts";
import { FakeNet } from "./fake_net.ts";

/** How long the disk takes for an event, in milliseconds. */
const APPEND_MS = 30;

/** Keeps events as a file would: what was written when the program is killed is there for the next run. */
class MemoryStorage implements EventStorage {
  name = "";
  topics: Record<string, StoredTopic> = {};
  /** First bytes of all events that were ever written. */
  written: number[] = [];
  /** The running program. */
  net = new FakeNet();

  load() {
    return Promise.resolve(
      this.name === "" ? undefined : { producer: this.name, topics: structuredClone(this.topics) },
    );
  }

  producer(name: string, renumber: boolean) {
    this.name = name;
    if (renumber) { for (const topic of Object.values(this.topics)) topic.acknowledged = 0; }
  }

  append(topic: string, event: StoredTopic["events"][number]) {
    const { net } = this;
    return new Promise<void>((resolve) =>
      net.time.timer(() => {
        if (net !== this.net) return; // killed meanwhile
        this.written.push(event.payload[0]!);
        (this.topics[topic] ??= { acknowledged: 0, events: [] }).events.push({
          ...event,
          payload: event.payload.slice(),
        });
        resolve();
      }, APPEND_MS)
    );
  }

  acknowledged(topic: string, sequence: number) {
    const kept = this.topics[topic] ??= { acknowledged: 0, events: [] };
    kept.events.splice(0, sequence - kept.acknowledged);
    kept.acknowledged = sequence;
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("publish" as const), topic: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cut" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("freeze" as const) }) },
);

Deno.test("every event is on disk once and in order wherever the connection is cut, and its promise says so", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom(0, 5),
      fc.constantFrom(LIMITS.maxUnackedBytes, 150),
      async (steps, flushMs, maxUnackedBytes) => {
        const net = new FakeNet();
        const gateway = new FakeDeviceGateway(net);
        gateway.limits = { ...LIMITS, maxUnackedBytes };
        const device = connectDevice({
          url: "http://gw",
          token: "t",
          flushMs,
          backoff: { minMs: 20, maxMs: 40 },
          environment: net.environment,
        });
        const channels = [0, 1, 2].map((i) => device.channel({ topic: `e${i}`, class: "event" }));
        const sent: number[][] = [[], [], []];
        const sequences: Promise<number>[][] = [[], [], []];
        for (const next of steps) {
          if (next.kind === "publish") {
            const value = sent[next.topic]!.length;
            sent[next.topic]!.push(value);
            sequences[next.topic]!.push(channels[next.topic]!.publish(new Uint8Array([value])));
          } else if (next.kind === "cut") net.connection.cut();
          else if (next.kind === "freeze") net.connection.freeze();
          else await net.time.advance(next.ms);
        }
        await net.time.advance(60_000);
        for (const i of [0, 1, 2]) {
          assertEquals(gateway.stored(`e${i}`), sent[i]!);
          assertEquals(await Promise.all(sequences[i]!), sent[i]!.map((value) => value + 1));
        }
        assertEquals(gateway.complaints, []);
        assertEquals(device.stats.pendingEvents, 0);
        assertEquals(device.stats.pendingBytes, 0);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("with storage, a program killed anywhere loses no stored event and repeats none", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ publishes: fc.nat(5), runMs: fc.nat(120), cut: fc.boolean() }), {
        minLength: 1,
        maxLength: 6,
      }),
      async (runs) => {
        const storage = new MemoryStorage();
        const disk = new Map<string, { sequence: number; payload: Uint8Array }[]>();
        let next = 0;
        let complaints: string[] = [];
        for (const { publishes, runMs, cut } of [...runs, { publishes: 1, runMs: 5_000, cut: false }]) {
          const net = new FakeNet();
          storage.net = net;
          const gateway = new FakeDeviceGateway(net);
          for (const [key, events] of disk) gateway.disk.set(key, events);
          const device = connectDevice({
            url: "http://gw",
            token: "t",
            storage,
            backoff: { minMs: 20, maxMs: 40 },
            environment: net.environment,
          });
          const channel = device.channel({ topic: "e", class: "event" });
          for (let i = 0; i < publishes; i++) void channel.publish(new Uint8Array([next++]));
          await net.time.advance(runMs / 2);
          for (let i = 0; i < publishes; i++) void channel.publish(new Uint8Array([next++]));
          if (cut && net.connections.length > 0) net.connection.cut();
          await net.time.advance(runMs / 2);
          complaints = [...complaints, ...gateway.complaints];
          for (const [key, events] of gateway.disk) disk.set(key, events);
          for (const connection of net.connections) connection.freeze(); // the program is gone
        }
        const stored = [...disk.values()].flat().map((event) => event.payload[0]!);
        assertEquals(stored, storage.written);
        assertEquals(complaints, []);
        assertEquals(disk.size, 1);
      },
    ),
    { numRuns: 150 },
  );
});

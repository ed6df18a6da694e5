/**
 * Runs a bridge against a user's own broker, treats it badly, and counts: what went in must come out at an
 * independent subscriber.
 *
 * @module
 */
import mqtt, { type MqttClient } from "mqtt";
import type { Hub } from "../../hub/hub.ts";
import { Bridge } from "./bridge.ts";
import { bridgeSchema } from "./config.ts";
import type { BridgeContext } from "./context.ts";
import { clientOptions } from "./credentials.ts";

/** What a verification needs: a gateway's inner parts over a database of their own, which can be closed and opened. */
export interface VerifyWorld {
  /** Opens, or opens again as after a restart. */
  open(): Promise<BridgeContext & { close(): Promise<void> }>;
}

/** Outcome. */
export interface VerifyReport {
  sent: number;
  received: number;
  lost: number;
  repeated: number;
  outOfOrder: number;
  cuts: number;
  restarts: number;
  stalls: number;
  seconds: number;
}

/** Options of {@link verifyBridge}. */
export interface VerifyOptions {
  url: string;
  version: 4 | 5;
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  rounds: number;
  eventsPerRound: number;
  /** How long the last events may take, in milliseconds. */
  settleMs: number;
  said(message: string): void;
}

/** How long the bridge does not read in a round, in milliseconds. */
const STALL_MS = 500;

/** The topic that carries the events. */
const TOPIC = "verify/event";

/**
 * Sends events over a bridge to the broker while cutting its connection, stopping its reading and restarting
 * the bridge, and counts them at a subscriber.
 *
 * @throws when the broker cannot be reached at all.
 */
export async function verifyBridge(world: VerifyWorld, options: VerifyOptions): Promise<VerifyReport> {
  const { url, version, caFile, certFile, keyFile, rounds, said } = options;
  const config = bridgeSchema.parse({
    name: "verify",
    url,
    version,
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile, keyFile }),
    rules: [{ class: "event" }],
  });
  const startedMs = performance.now();
  let context = await world.open();
  const counter = new Counter();
  const subscriber = await subscribe(
    await clientOptions(config, `tidegate-verify-${crypto.randomUUID().slice(0, 8)}`),
    context.tree.outward(TOPIC),
    counter,
  );
  let bridge = new Bridge(context, config);
  let sent = 0;
  const report = { cuts: 0, restarts: 0, stalls: 0 };
  try {
    bridge.start();
    for (let round = 1; round <= rounds; round++) {
      sent = publish(context.hub, sent, options.eventsPerRound);
      await context.recorder.flush();
      switch (round % 3) {
        case 1:
          said(`round ${round} of ${rounds}: cutting the bridge's connection`);
          bridge.cut();
          report.cuts++;
          break;
        case 2:
          said(`round ${round} of ${rounds}: the bridge stops reading, acknowledgements included`);
          await bridge.stall(STALL_MS);
          report.stalls++;
          break;
        default:
          said(`round ${round} of ${rounds}: restarting the bridge`);
          await bridge.stop();
          await context.close();
          context = await world.open();
          bridge = new Bridge(context, config);
          bridge.start();
          report.restarts++;
      }
    }
    await counter.until(sent, options.settleMs);
  } finally {
    await bridge.stop();
    await context.close();
    // The broker keeps nothing of this.
    await subscriber.publishAsync(context.tree.statusTopic, "", { retain: true, qos: 1 }).catch(() => {});
    await subscriber.endAsync().catch(() => {});
  }
  const { received, repeated, outOfOrder } = counter;
  const seconds = (performance.now() - startedMs) / 1_000;
  return { sent, received, lost: sent - received, repeated, outOfOrder, ...report, seconds };
}

function publish(hub: Hub, sent: number, count: number): number {
  const topic = hub.define({ name: TOPIC, deliveryClass: "event", encoding: "json", writable: false });
  for (let i = sent + 1; i <= sent + count; i++) {
    const payload = new TextEncoder().encode(String(i));
    hub.publishEvent(topic, Date.now() * 1_000, 0, payload, 0, payload.length, "verify", i);
  }
  return sent + count;
}

async function subscribe(
  options: Awaited<ReturnType<typeof clientOptions>>,
  topic: string,
  counter: Counter,
): Promise<MqttClient> {
  const client = mqtt.connect({ ...options, clean: true, reconnectPeriod: 0 });
  await new Promise<void>((connected, failed) => {
    client.once("connect", () => connected());
    client.once("error", failed);
  });
  (client.stream as { setNoDelay?: (on: boolean) => void }).setNoDelay?.(true);
  client.on("error", () => {}); // what it misses shows in the count
  await client.subscribeAsync(topic, { qos: 1 });
  client.on("message", (_topic, payload) => counter.add(Number(payload.toString())));
  return client;
}

/** Counts what arrives. */
class Counter {
  received = 0;
  repeated = 0;
  outOfOrder = 0;
  #seen = new Set<number>();
  #last = 0;
  #wanted = Infinity;
  #done = () => {};

  add(n: number): void {
    if (this.#seen.has(n)) {
      this.repeated++;
      return;
    }
    this.#seen.add(n);
    this.received++;
    if (n < this.#last) this.outOfOrder++;
    this.#last = n;
    if (this.received >= this.#wanted) this.#done();
  }

  /** Waits until so many have come, or the time is over. */
  async until(wanted: number, withinMs: number): Promise<void> {
    this.#wanted = wanted;
    if (this.received >= wanted) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((done) => {
      this.#done = done;
      timer = setTimeout(done, withinMs);
    });
    clearTimeout(timer);
  }
}

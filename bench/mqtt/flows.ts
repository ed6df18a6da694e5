/**
 * Messages through the gateway's MQTT, out over a bridge and in, at a fixed rate.
 *
 * @module
 */
import { type Effort, type Flow, flow, measureOn, row } from "../measure.ts";
import { figure, type Row } from "../report/row.ts";
import type { FlowResult } from "../load/job.ts";
import { bridged, type Carrier, EMBEDDED, metric, mosquittoBridge } from "./brokers.ts";

/** A share of the offered rate that counts as all of it: the measurement begins and ends in the middle. */
const ALL = 0.98;

/** What became of samples that did not arrive, by the metric that counts them. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  conflated: "tidegate_mqtt_bridge_states_conflated_total",
  lost: "tidegate_mqtt_bridge_events_lost_total",
  unrecorded: "tidegate_recording_dropped_total",
  dropped: "tidegate_dashboard_drops_total",
};

interface Measured {
  row: Row;
  results: FlowResult[];
}

async function run(workload: string, carrier: Carrier, what: Flow, effort: Effort): Promise<Measured> {
  const results: FlowResult[] = [];
  const counted: Record<string, number> = {};
  let failure: string | undefined;
  for (let turn = 0; turn < effort.repeats && failure === undefined; turn++) {
    effort.progress(`${workload}: ${carrier.name}, ${turn + 1} of ${effort.repeats}`);
    const running = await carrier.start();
    try {
      results.push(await measureOn(running, what, effort));
      if (carrier.ours) {
        for (const [name, key] of Object.entries(LEFT_OUT)) {
          counted[name] = (counted[name] ?? 0) + await metric(running, key);
        }
      }
    } catch (error) {
      failure = (error as Error).message;
    } finally {
      await running.stop();
    }
  }
  const found = row(workload, carrier, what, results, failure);
  if (results.length > 0) {
    found.figures["cpuUs"] = figure(results.map((one) => 1e6 * one.serverCpu / one.delivered));
    found.figures["brokerShare"] = figure(results.map((one) => one.brokerCpu / one.seconds));
  }
  const parts = Object.entries(counted).filter(([, count]) => count > 0);
  if (parts.length > 0) {
    found.notes.push(`counted: ${parts.map(([name, count]) => `${count} ${name}`).join(", ")}`);
  }
  return { row: found, results };
}

/** Why states may come to less than is offered at QoS 0. */
const CONFLATED =
  "mosquitto and the generator share a core; while it is full the values that wait are conflated, " +
  "and counted";

/** Every sample offered arrives, at this rate. */
function carries({ row, results }: Measured, rate: number, bound?: string): void {
  const delivered = row.figures["deliveriesPerSecond"]?.median;
  if (delivered === undefined || results.length === 0) return;
  row.targets.push({
    goal: `at least ${rate.toLocaleString("en-US")} messages/s`,
    reached: Math.round(delivered).toLocaleString("en-US"),
    met: delivered >= rate * ALL,
    ...(bound === undefined ? {} : { bound }),
  });
}

async function all(
  workload: string,
  carriers: readonly Carrier[],
  what: Flow,
  effort: Effort,
  judge: (measured: Measured) => void = () => {},
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const carrier of carriers) {
    const measured = await run(workload, carrier, what, effort);
    if (carrier.ours) judge(measured);
    rows.push(measured.row);
  }
  return rows;
}

/** States to a broker at QoS 0: 1,000 topics, 50 values a second each, in MQTT 5 and in 3.1.1. */
export async function outQos0(effort: Effort): Promise<Row[]> {
  const what = flow(10, 5_000, 64, 1, { perWrite: 100, topicsPerPublisher: 100 });
  const judge = (one: Measured) => carries(one, 50_000, CONFLATED);
  return [
    ...await all(
      "MQTT 5 out, QoS 0, states",
      [...bridged("bridge-out", {}), mosquittoBridge(0)],
      what,
      effort,
      judge,
    ),
    ...await all("MQTT 3.1.1 out, QoS 0, states", bridged("bridge-out", { version: 4 }), what, effort, judge),
  ];
}

/** Mosquitto's setting for how much it lets be under way, which it announces as Receive Maximum; 20 by default. */
const WIDE = ["max_inflight_messages 1000"];

/** Events to a broker at QoS 1: from the device to disk and then to the broker. */
export async function outQos1(effort: Effort): Promise<Row[]> {
  const what = flow(10, 2_000, 64, 1, { perWrite: 10, topicsPerPublisher: 10, qos: 1, events: true });
  const judge = (one: Measured) => carries(one, 20_000);
  const narrow = "MQTT 5 out, QoS 1, events, Receive Maximum 20";
  const wide = "MQTT 5 out, QoS 1, events, Receive Maximum 1,000";
  return [
    ...await all(narrow, [...bridged("bridge-out", {}), mosquittoBridge(1)], what, effort, judge),
    ...await all(wide, [...bridged("bridge-out", {}, WIDE), mosquittoBridge(1, WIDE)], what, effort, judge),
  ];
}

/** MQTT devices at the embedded broker, to a dashboard. */
export async function into(effort: Effort): Promise<Row[]> {
  const rows: Row[] = [];
  for (const qos of [0, 1] as const) {
    const what = flow(10, 3_000, 64, 1, { topicsPerPublisher: 10, qos });
    rows.push(
      ...await all(
        `MQTT in, embedded broker, QoS ${qos}`,
        EMBEDDED,
        what,
        effort,
        (one) => carries(one, 30_000),
      ),
    );
  }
  return rows;
}

/** Publishers at an outside broker, over the bridge, to a dashboard. */
export function intoBridge(effort: Effort): Promise<Row[]> {
  const rules = [{ direction: "in", filter: "+/bench/#", topic: "{topic}" }];
  const what = flow(10, 3_000, 64, 1, { perWrite: 1, topicsPerPublisher: 10 });
  return all(
    "MQTT in, bridge, QoS 0",
    bridged("bridge-in", { rules }),
    what,
    effort,
    (one) => carries(one, 30_000),
  );
}

/** Delay at a light load; that of the broker alone beside. */
export async function delay(effort: Effort): Promise<Row[]> {
  const light = (events: boolean) =>
    flow(10, 100, 64, 1, { topicsPerPublisher: 1, qos: events ? 1 : 0, events });
  const carriers = [...bridged("bridge-out", {}), mosquittoBridge(0)];
  const rows = await all("MQTT delay, states", carriers, light(false), effort);
  rows.push(...await all("MQTT delay, events", bridged("bridge-out", {}), light(true), effort));
  return rows;
}

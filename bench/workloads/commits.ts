/**
 * How long an event takes until it is on disk and acknowledged, beside a heavy stream of state samples.
 *
 * @module
 */
import { connectDevice } from "../../client/mod.ts";
import { addDevice } from "../load/tidegate.ts";
import { type Effort, flow, measureOn, row } from "../measure.ts";
import { figure, type Row } from "../report/row.ts";
import { GATEWAYS, type Running } from "../servers.ts";

/** Most milliseconds until an event is acknowledged: the group of events it is committed with. */
const TARGET_MS = 20;

/** What is left of a commit's time. */
const ONE_CORE = "the writer's thread shares one core with the gateway, the reader and the compactor's steps";

/** Time between the events of the one device whose commits are timed, in milliseconds. */
const EVERY_MS = 10;

/** Times the events of a device until `stop` is called; the first second is left out. */
async function timeEvents({ address }: Running): Promise<{ stop(): Promise<number[]> }> {
  const { host, port } = address;
  const device = connectDevice({
    url: `http://${host}:${port}`,
    token: await addDevice(address, "commits"),
  });
  const events = device.channel({ topic: "done", class: "event", encoding: "f64" });
  const times: number[] = [];
  const startMs = performance.now();
  const timer = setInterval(() => {
    const sentMs = performance.now();
    events.publish(sentMs).then(() => {
      if (sentMs - startMs > 1_000) times.push(performance.now() - sentMs);
    });
  }, EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await device.close();
      return times.sort((a, b) => a - b);
    },
  };
}

/** 100,000 state samples a second into the recording, and a hundred events a second beside them. */
export async function commits(effort: Effort): Promise<Row[]> {
  const what = flow(100, 1_000, 64, 1, { perWrite: 10 });
  const rows: Row[] = [];
  for (const server of effort.quick ? [GATEWAYS.deno, GATEWAYS.bun] : Object.values(GATEWAYS)) {
    effort.progress(`commits: ${server.name}`);
    const running = await server.start();
    try {
      const probe = await timeEvents(running);
      const longer = { ...effort, measureMs: Math.max(effort.measureMs, 6_000) };
      const result = await measureOn(running, what, longer);
      const times = await probe.stop();
      const at = (share: number) => times[Math.floor((times.length - 1) * share)] ?? Infinity;
      const measured = row("events beside a stream", server, what, [result]);
      measured.figures["eventP50"] = figure([at(0.5)]);
      measured.figures["eventP99"] = figure([at(0.99)]);
      measured.targets.push({
        goal: `an event acknowledged within ${TARGET_MS} ms at p99`,
        reached: `${at(0.99).toFixed(1)} ms`,
        met: at(0.99) <= TARGET_MS,
        bound: ONE_CORE,
      });
      rows.push(measured);
    } finally {
      await running.stop();
    }
  }
  return rows;
}

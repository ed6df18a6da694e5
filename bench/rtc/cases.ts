/**
 * The links of the report, and what is measured on each.
 *
 * @module
 */
import type { LinkProfile } from "../../tests/support/link/network.ts";
import type { Site } from "../../tests/support/link/site.ts";
import type { SourceJob } from "../../tests/support/link/source.ts";
import { agesOf, ARRIVAL_FIELDS, longestPause, quantile } from "./age.ts";
import { begin, closeChannel, type Recording, recording, until, watch, type Way } from "./page.ts";

/** How long to measure. */
export interface Effort {
  /** Of each stream, in milliseconds. */
  measureMs: number;
  /** Cuts and moves. */
  repeats: number;
}

/** One line of the report. */
export interface Line {
  link: string;
  runtime: string;
  way: string;
  /** In the order in which the table shows them. */
  figures: Record<string, string>;
}

/** What a case is run with. */
export interface Setting {
  site: Site;
  runtime: string;
  effort: Effort;
  progress(text: string): void;
}

/** What the device makes. */
type Stream = Pick<SourceJob, "hz" | "bytes" | "topics" | "changes">;

const WAYS: readonly Way[] = ["websocket", "webrtc"];

/** After the way is taken, before anything is measured, in milliseconds. */
const SETTLE_MS = 2_000;

/** How long the path is cut, in milliseconds. */
const CUT_MS = 3_000;

/** A value not older than this above the one-way delay is the newest, in milliseconds: two intervals of the source and the machine's own. */
const FRESH_MS = 30;

const RATE_HZ = 100;
const PAYLOAD_BYTES = 200;

/** What goes over the narrow link: `changes` is the share of a payload that is another one each turn. */
const NARROW_PAYLOADS = [
  { bytes: 32, changes: 1, payload: "random" },
  { bytes: PAYLOAD_BYTES, changes: 1, payload: "random" },
  { bytes: PAYLOAD_BYTES, changes: 0.05, payload: "5 % changing" },
];

/** All that a profile has, so that nothing is left of the former one. */
const CLEAR: Required<Omit<LinkProfile, "bufferBytes">> = {
  delayMs: 0,
  jitterMs: 0,
  loss: 0,
  bitsPerSecond: 0,
  cut: false,
};

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const ms = (value: number) => Number.isFinite(value) ? value.toFixed(0) : "never";

let devices = 0;

/** Sets the link, starts a device and a page, and hands both over once samples take the way. */
async function streaming<T>(
  setting: Setting,
  profile: LinkProfile,
  job: Stream,
  way: Way,
  measure: (
    page: Awaited<ReturnType<Site["page"]>>["page"],
    source: Awaited<ReturnType<Site["source"]>>,
  ) => Promise<T>,
): Promise<T> {
  const { site } = setting;
  await site.network.set({ ...CLEAR, ...profile });
  const device = `dev-${++devices}`;
  const source = await site.source({ ...job, device });
  const { page } = await site.page();
  try {
    await watch(page, site.gateway.token, device, way);
    await pause(SETTLE_MS);
    return await measure(page, source);
  } finally {
    await site.network.set(CLEAR);
    await page.close();
    await source.stop();
  }
}

/** Age of the newest value on a link. */
async function age(
  setting: Setting,
  link: string,
  profile: LinkProfile,
  job: Stream,
): Promise<Line[]> {
  const lines: Line[] = [];
  for (const way of WAYS) {
    setting.progress(`${setting.runtime}, ${link}, ${way}`);
    const figures = await streaming(setting, profile, job, way, async (page) => {
      await setting.site.network.counts();
      await begin(page);
      await pause(setting.effort.measureMs);
      const { states, moves } = await recording(page);
      for (const { to, cause } of moves) setting.progress(`moved to ${to}: ${cause}`);
      const { late, overflowed, queueP50, queueP99, used } = await setting.site.network.counts();
      const ages = agesOf(states, job.topics);
      return {
        p50: ms(ages.p50),
        p99: ms(ages.p99),
        max: ms(ages.max),
        ...(job.topics === 1 ? {} : { "worst topic's p99": ms(ages.worstTopicP99) }),
        drift: ms(ages.drift),
        "samples/s": ms(ages.perSecond),
        moves: `${moves.length}`,
        "link late": `${late}`,
        ...(profile.bitsPerSecond === undefined ? {} : {
          "link used": `${Math.round(100 * used)} %`,
          "queue p50": ms(queueP50),
          "queue p99": ms(queueP99),
          overflowed: `${overflowed}`,
        }),
      };
    });
    lines.push({ link, runtime: setting.runtime, way, figures });
  }
  return lines;
}

/** From the path's return until the page shows a value that is not older than the link makes it. */
function backAfter(states: number[], returnedMs: number, delayMs: number): number {
  for (let i = 0; i < states.length; i += ARRIVAL_FIELDS) {
    const [atMs, madeMs] = [states[i]!, states[i + 1]!];
    if (atMs > returnedMs && atMs - madeMs <= delayMs + FRESH_MS) return atMs - returnedMs;
  }
  return Infinity;
}

async function cut(setting: Setting): Promise<Line[]> {
  const lines: Line[] = [];
  const profile = { delayMs: 25 };
  const job = { hz: RATE_HZ, bytes: PAYLOAD_BYTES, topics: 1 };
  for (const way of WAYS) {
    setting.progress(`${setting.runtime}, cut, ${way}`);
    const backs = await streaming(setting, profile, job, way, async (page) => {
      const found: number[] = [];
      for (let i = 0; i < setting.effort.repeats; i++) {
        await until(page, way);
        await pause(SETTLE_MS);
        await begin(page);
        await setting.site.network.set({ cut: true });
        await pause(CUT_MS);
        await setting.site.network.set({ cut: false });
        const returnedMs = Date.now();
        await pause(CUT_MS);
        const seen = await recording(page);
        for (const { to, cause, atMs } of seen.moves) {
          setting.progress(`moved to ${to} ${ms(atMs - returnedMs)} ms after the path's return: ${cause}`);
        }
        found.push(backAfter(seen.states.rows, returnedMs, profile.delayMs));
      }
      return found;
    });
    const figures = { "newest value back after": backs.map(ms).join(", ") };
    lines.push({ link: `RTT 50 ms, cut for ${CUT_MS / 1_000} s`, runtime: setting.runtime, way, figures });
  }
  return lines;
}

/** Events that are missing between the first and the last, and those that came again. */
function countEvents(events: Recording["events"]): { lost: number; repeated: number } {
  const offsets = new Set(events.map(({ offset }) => offset));
  const [first, last] = [Math.min(...offsets), Math.max(...offsets)];
  return {
    lost: offsets.size === 0 ? 0 : last - first + 1 - offsets.size,
    repeated: events.length - offsets.size,
  };
}

async function moves(setting: Setting, how: "channel closed" | "UDP blocked"): Promise<Line> {
  const { site, effort } = setting;
  setting.progress(`${setting.runtime}, moves: ${how}`);
  const profile = { delayMs: 25 };
  const job = { hz: RATE_HZ, bytes: PAYLOAD_BYTES, topics: 1 };
  const sides = [site.gatewaySide, site.clientSide];
  const figures = await streaming(setting, profile, job, "webrtc", async (page) => {
    await begin(page);
    for (let i = 0; i < effort.repeats; i++) {
      await (how === "channel closed" ? closeChannel(page) : all(sides, (side) => side.blockUdp(true)));
      await until(page, "websocket");
      await pause(SETTLE_MS / 2);
      if (how === "UDP blocked") await all(sides, (side) => side.blockUdp(false));
      await until(page, "webrtc");
      await pause(SETTLE_MS / 2);
    }
    const seen = await recording(page);
    const arrived: number[] = [];
    const offsets: number[] = [];
    for (let i = 0; i < seen.states.rows.length; i += ARRIVAL_FIELDS) {
      arrived.push(seen.states.rows[i]!);
      offsets.push(seen.states.rows[i + 3]!);
    }
    const { lost, repeated } = countEvents(seen.events);
    const up = seen.moves.filter(({ to }) => to === "webrtc").map(({ atMs }) => pauseAround(arrived, atMs));
    return {
      "events lost": `${lost + seen.gaps}`,
      "events repeated": `${repeated}`,
      "state backwards": `${offsets.filter((offset, i) => i > 0 && offset <= offsets[i - 1]!).length}`,
      "longest pause between events": ms(longestPause(seen.events.map(({ atMs }) => atMs))),
      "longest pause between states": ms(longestPause(arrived)),
      "longest at a move up": ms(Math.max(...up)),
      moves: `${seen.moves.length}`,
    };
  });
  return { link: `RTT 50 ms, moves: ${how}`, runtime: setting.runtime, way: "both", figures };
}

/** Longest pause within 200 ms of a moment. */
function pauseAround(momentsMs: number[], atMs: number): number {
  return longestPause(momentsMs.filter((one) => Math.abs(one - atMs) < 200));
}

async function all<T>(items: T[], each: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) await each(item);
}

/** From opening the page until its first sample, over each way. */
async function first(setting: Setting): Promise<Line> {
  const { site } = setting;
  setting.progress(`${setting.runtime}, time to the first sample`);
  await site.network.set({ ...CLEAR, delayMs: 25 });
  const device = `dev-${++devices}`;
  const source = await site.source({ device, hz: RATE_HZ, bytes: PAYLOAD_BYTES, topics: 1 });
  const samples: number[] = [];
  const lanes: number[] = [];
  for (let i = 0; i < setting.effort.repeats; i++) {
    const { page } = await site.page();
    const startMs = Date.now();
    await watch(page, site.gateway.token, device, "webrtc");
    const { states, moves } = await recording(page);
    samples.push(states.rows[0]! - startMs);
    lanes.push(moves.at(-1)!.atMs - startMs);
    await page.close();
  }
  await source.stop();
  const middle = (values: number[]) => ms(quantile(values.toSorted((a, b) => a - b), 0.5));
  return {
    link: "RTT 50 ms",
    runtime: setting.runtime,
    way: "start",
    figures: { "first sample after": middle(samples), "on WebRTC after": middle(lanes) },
  };
}

/** Every case, by the name by which it can be chosen. */
export const CASES: Record<string, (setting: Setting) => Promise<Line[]>> = {
  async loss(setting) {
    const lines: Line[] = [];
    for (const loss of [0, 0.02, 0.05]) {
      const link = `RTT 50 ms, loss ${loss * 100} %, 100 Hz x 200 B`;
      const job = { hz: RATE_HZ, bytes: PAYLOAD_BYTES, topics: 1 };
      lines.push(...await age(setting, link, { delayMs: 25, loss }, job));
    }
    return lines;
  },
  async narrow(setting) {
    const profile = { delayMs: 15, jitterMs: 5, loss: 0.02, bitsPerSecond: 1_000_000, bufferBytes: 65_536 };
    const link = "RTT 30 ± 10 ms, loss 2 %, 1 Mbit/s, 100 topics x 20 Hz";
    const lines: Line[] = [];
    for (const { bytes, changes, payload } of NARROW_PAYLOADS) {
      const job = { hz: 20, bytes, topics: 100, changes };
      lines.push(...await age(setting, `${link} x ${bytes} B, ${payload}`, profile, job));
    }
    return lines;
  },
  cut,
  moves: async (setting) => [await moves(setting, "channel closed"), await moves(setting, "UDP blocked")],
  first: async (setting) => [await first(setting)],
};

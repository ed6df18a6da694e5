/**
 * Age of the newest value in Chromium over an emulated link, on the WebSocket and on WebRTC, end to end from the
 * device. Needs root, iproute2, python3 and Chromium.
 *
 * `deno run -A bench/link/main.ts [SECONDS] [FORM]`
 *
 * @module
 */
import type { Browser, Page } from "playwright-core";
import type { FormName } from "../../tests/support/forms.ts";
import { Link, type LinkSettings } from "../../tests/support/link.ts";
import { browserOnLink, gatewayOnLink, LINK_URL, LinkProgram } from "../../tests/support/link_gateway.ts";

const SECONDS = Number(Deno.args[0] ?? 15);
const FORM = (Deno.args[1] ?? "Deno, source") as FormName;
/** `loss` or `cut` keeps to these rows. */
const ONLY = Deno.args[2];

/** Ages in milliseconds. */
interface Ages {
  p50: number;
  p99: number;
  max: number;
  way: string;
}

interface Source {
  topics: number;
  hz: number;
  bytes: number;
}

let sources = 0;

/** Starts a device that publishes steadily. */
function startSource(
  link: Link,
  token: string,
  { topics, hz, bytes }: Source,
): { name: string; program: LinkProgram } {
  const name = `source-${++sources}`;
  const file = new URL("device.ts", import.meta.url).pathname;
  const args = [LINK_URL, token, name, ...[topics, hz, bytes].map(String)];
  const program = LinkProgram.start(link, "near", Deno.execPath(), [
    "run",
    "--quiet",
    "--allow-all",
    file,
    ...args,
  ]);
  return { name, program };
}

/** Opens a page whose dashboard watches the source. */
async function watch(browser: Browser, token: string, name: string, rtc: boolean): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(LINK_URL);
  await page.evaluate(async ({ token, name, rtc }) => {
    const sdk = await import("/sdk/tidegate.js" as string);
    const dashboard = sdk.connectDashboard({
      token,
      environment: rtc ? {} : { RTCPeerConnection: undefined },
    });
    const newest = new Map<string, number>();
    dashboard.subscribe(`${name}/+`, {
      onSample: (sample: { topic: string; timeUs: number }) => {
        if (!sample.topic.endsWith("/$status")) newest.set(sample.topic, sample.timeUs);
      },
    });
    const ages: number[] = [];
    setInterval(() => {
      const nowUs = (performance.timeOrigin + performance.now()) * 1_000;
      for (const timeUs of newest.values()) ages.push((nowUs - timeUs) / 1_000);
    }, 5);
    Object.assign(globalThis, { ages, dashboard });
  }, { token, name, rtc });
  const wanted = rtc ? "webrtc" : "websocket";
  await page.waitForFunction(
    (wanted) =>
      (globalThis as unknown as { dashboard: { status: { transport?: string } } }).dashboard.status
        .transport === wanted,
    wanted,
    { timeout: 30_000 },
  );
  return page;
}

async function measure(page: Page, seconds: number): Promise<Ages> {
  await new Promise((done) => setTimeout(done, 2_000));
  await page.evaluate(() => void ((globalThis as unknown as { ages: number[] }).ages.length = 0));
  await new Promise((done) => setTimeout(done, seconds * 1_000));
  return await page.evaluate(() => {
    const { ages, dashboard } = globalThis as unknown as {
      ages: number[];
      dashboard: { status: { transport: string } };
    };
    ages.sort((a, b) => a - b);
    const at = (share: number) => ages[Math.min(ages.length - 1, Math.floor(ages.length * share))] ?? NaN;
    return { p50: at(0.5), p99: at(0.99), max: at(1), way: dashboard.status.transport };
  });
}

/** Milliseconds from the return of a path that was cut for three seconds until a value of after it is shown. */
async function cut(link: Link, page: Page): Promise<number> {
  await link.set({ cut: true });
  await new Promise((done) => setTimeout(done, 3_000));
  await link.set({ cut: false });
  const backMs = Date.now();
  return await page.evaluate(async (backMs) => {
    const { ages } = globalThis as unknown as { ages: number[] };
    while ((ages.at(-1) ?? Infinity) > performance.timeOrigin + performance.now() - backMs) {
      await new Promise((done) => setTimeout(done, 2));
    }
    return performance.timeOrigin + performance.now() - backMs;
  }, backMs);
}

const ms = (value: number) => `${value.toFixed(0)} ms`;
const row = (...cells: string[]) => console.log(`| ${cells.join(" | ")} |`);

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tidegate-link-" });
  try {
    await using link = await Link.start();
    const { token, program } = await gatewayOnLink(link, FORM, `${folder}/data`);
    await using _gateway = program;
    const browser = await browserOnLink(link, folder);
    try {
      row("link", "way", "p50", "p99", "max", "way at the end");
      row("---", "---", "---", "---", "---", "---");
      await link.set({ delayMs: 25 });
      await steady(link, browser, token);
      if (ONLY === undefined) await narrow(link, browser, token);
    } finally {
      await browser.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function steady(link: Link, browser: Browser, token: string): Promise<void> {
  const source = startSource(link, token, { topics: 1, hz: 100, bytes: 200 });
  await using _source = source.program;
  if (ONLY !== "cut") {
    for (const loss of [0, 0.02, 0.05]) {
      await table(link, browser, token, source.name, `RTT 50 ms, loss ${loss * 100} %`, { loss });
    }
  }
  if (ONLY === "loss") return;
  await link.set({ loss: 0 });
  for (const rtc of [false, true]) {
    const page = await watch(browser, token, source.name, rtc);
    const times = [];
    for (let i = 0; i < 3; i++) {
      await new Promise((done) => setTimeout(done, 4_000));
      times.push(await cut(link, page));
    }
    const way = rtc ? "WebRTC" : "WebSocket";
    row("path cut for 3 s, newest value shown after", way, times.map(ms).join(", "), "", "", "");
    await page.close();
  }
}

async function narrow(link: Link, browser: Browser, token: string): Promise<void> {
  const source = startSource(link, token, { topics: 100, hz: 20, bytes: 20 });
  await using _source = source.program;
  const settings = { delayMs: 15, jitterMs: 5, loss: 0.02, bitsPerSecond: 1_000_000 };
  const title = "RTT 30 ± 10 ms, loss 2 %, 1 Mbit/s, 100 topics x 20 Hz";
  await table(link, browser, token, source.name, title, settings);
}

async function table(
  link: Link,
  browser: Browser,
  token: string,
  name: string,
  title: string,
  settings: LinkSettings,
): Promise<void> {
  await link.set(settings);
  for (const rtc of [false, true]) {
    const page = await watch(browser, token, name, rtc);
    const { p50, p99, max, way } = await measure(page, SECONDS);
    row(title, rtc ? "WebRTC" : "WebSocket", ms(p50), ms(p99), ms(max), way);
    await page.close();
  }
}

await main();
Deno.exit(0);

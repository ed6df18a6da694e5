/**
 * Age of the newest value in Chromium over an emulated link, on the WebSocket and on WebRTC, end to end from the
 * device. Needs root, iproute2, python3 and Chromium.
 *
 * `deno run -A bench/link/main.ts [SECONDS] [FORM]`
 *
 * @module
 */
import { type Browser, chromium, type Page } from "playwright-core";
import { shippedForms } from "../../tests/support/forms.ts";
import { Link, type LinkSettings, NEAR } from "../../tests/support/link.ts";

const SECONDS = Number(Deno.args[0] ?? 15);
const FORM = Deno.args[1] ?? "Deno, source";
/** `loss` or `cut` keeps to these rows. */
const ONLY = Deno.args[2];
const URL_NEAR = `http://${NEAR}:8080`;

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

const children: Deno.ChildProcess[] = [];

function spawn(
  link: Link,
  program: string,
  args: string[],
  options: Deno.CommandOptions = {},
): Deno.ChildProcess {
  const inside = link.inside("near", program, args);
  const child = new Deno.Command(inside.program, {
    ...options,
    args: inside.args,
    stdout: "null",
    stderr: "inherit",
  })
    .spawn();
  children.push(child);
  return child;
}

async function startGateway(link: Link, data: string): Promise<string> {
  const form = shippedForms().find(({ name }) => name === FORM);
  if (!form) throw new Error(`no form ${FORM}`);
  const { program, args, cwd, env } = await form.command();
  const serve = ["serve", "--listen", `${NEAR}:8080`, "--insecure-listen", "--data", data];
  spawn(link, program, [...args, ...serve], { cwd, env });
  for (let i = 0; i < 200; i++) {
    try {
      return (JSON.parse(await Deno.readTextFile(`${data}/run.json`)) as { token: string }).token;
    } catch {
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  throw new Error("the gateway did not start");
}

let sources = 0;

function startSource(
  link: Link,
  token: string,
  { topics, hz, bytes }: Source,
): { name: string; stop(): void } {
  const name = `source-${++sources}`;
  const file = new URL("device.ts", import.meta.url).pathname;
  const child = spawn(link, Deno.execPath(), [
    "run",
    "--quiet",
    "--allow-all",
    file,
    URL_NEAR,
    token,
    name,
    ...[topics, hz, bytes].map(String),
  ]);
  return { name, stop: () => child.kill() };
}

async function startBrowser(link: Link, folder: string): Promise<Browser> {
  const { program, args } = link.inside("far", "/usr/bin/chromium", []);
  const wrapper = `${folder}/chromium`;
  await Deno.writeTextFile(wrapper, `#!/bin/sh\nexec ${program} ${args.join(" ")} "$@"\n`, { mode: 0o755 });
  return await chromium.launch({
    executablePath: wrapper,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
  });
}

/** Opens a page whose dashboard watches the source. */
async function watch(browser: Browser, token: string, name: string, rtc: boolean): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(URL_NEAR);
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
  await using link = await Link.start();
  const token = await startGateway(link, `${folder}/data`);
  const browser = await startBrowser(link, folder);
  try {
    row("link", "way", "p50", "p99", "max", "way at the end");
    row("---", "---", "---", "---", "---", "---");
    const one = startSource(link, token, { topics: 1, hz: 100, bytes: 200 });
    await link.set({ delayMs: 25 });
    if (ONLY !== "cut") {
      await table(link, browser, token, one.name, "RTT 50 ms, loss 0 %", { loss: 0 });
      await table(link, browser, token, one.name, "RTT 50 ms, loss 2 %", { loss: 0.02 });
      await table(link, browser, token, one.name, "RTT 50 ms, loss 5 %", { loss: 0.05 });
    }
    if (ONLY === "loss") return;
    await link.set({ loss: 0 });
    for (const rtc of [false, true]) {
      const page = await watch(browser, token, one.name, rtc);
      const times = [];
      for (let i = 0; i < 3; i++) {
        await new Promise((done) => setTimeout(done, 4_000));
        times.push(await cut(link, page));
      }
      row(
        "path cut for 3 s, newest value shown after",
        rtc ? "WebRTC" : "WebSocket",
        times.map(ms).join(", "),
        "",
        "",
        "",
      );
      await page.close();
    }
    one.stop();
    if (ONLY === "cut") return;
    const many = startSource(link, token, { topics: 100, hz: 20, bytes: 20 });
    const narrow = { delayMs: 15, jitterMs: 5, loss: 0.02, bitsPerSecond: 1_000_000 };
    await table(
      link,
      browser,
      token,
      many.name,
      "RTT 30 ± 10 ms, loss 2 %, 1 Mbit/s, 100 topics x 20 Hz",
      narrow,
    );
    many.stop();
  } finally {
    await browser.close();
    for (const child of children) {
      try {
        child.kill();
      } catch {
        // it has ended by itself
      }
    }
    await Deno.remove(folder, { recursive: true });
  }
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

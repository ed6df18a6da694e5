/**
 * The live page in Chromium, against a stand-in gateway whose every sample the test decides.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import type { PageCounts } from "../../web/page.ts";
import { TestBrowser } from "../support/browser.ts";
import { FAKE_TOKEN, FakeLiveGateway, type FakeTopic } from "../support/fake_live_gateway.ts";
import { curve, f64, fakeTopic, json, rig, workshop } from "../support/fake_topics.ts";
import { allDrawn, grown, inked, numberChanged } from "../support/page.ts";

/** Seconds of the past that the stand-in has recorded. */
const HISTORY_SECONDS = 60;

/** Gives the test a gateway, a browser and a page that came by the login link; checks that it did nothing wrong. */
async function onPage(
  topics: FakeTopic[],
  test: (page: Page, gateway: FakeLiveGateway) => Promise<void>,
  context: Parameters<TestBrowser["open"]>[1] = {},
): Promise<void> {
  await using gateway = await FakeLiveGateway.start({ topics, historySeconds: HISTORY_SECONDS });
  await using browser = await TestBrowser.start();
  const { page, faults } = await browser.open(gateway.url, context);
  await page.goto(`${gateway.url}/#token=${FAKE_TOKEN}`);
  await test(page, gateway);
  assertEquals(faults, []);
}

Deno.test("the page logs in by the link, forgets the token, and shows values and charts that move", async () => {
  const shift = { ...fakeTopic("workshop/shift", (us) => f64(curve(2, us))), over: true };
  await onPage([...workshop(), shift], async (page) => {
    await page.waitForSelector('[data-topic="workshop/load"] canvas');
    assertEquals(new URL(page.url()).hash, "");
    assertEquals(await page.evaluate(() => document.cookie), "", "no script sees the cookie");
    assertEquals(await page.locator(".device h2").allTextContents(), ["cellar", "greenhouse", "workshop"]);
    await inked(page, "workshop/load", 1000);
    await page.locator('[data-topic="workshop/shift"]').scrollIntoViewIfNeeded();
    await inked(page, "workshop/shift", 1000); // which is all history
    await page.evaluate(() => scrollTo(0, 0));
    await allDrawn(page);
    assertEquals(await page.locator(".device .presence").allTextContents(), [
      "offline",
      "online by WebSocket",
      "online by WebSocket",
    ]);

    await numberChanged(page, "workshop/load");
    assertEquals(await page.locator('[data-topic="workshop/cpu"] dt').allTextContents(), [
      "0",
      "1",
      "2",
      "3",
    ]);
    await page.locator('[data-topic="workshop/machine"]').scrollIntoViewIfNeeded();
    await page.getByText("lathe 3, tool 12").waitFor();
    await page.locator('[data-topic="workshop/door"]').scrollIntoViewIfNeeded();
    await page.waitForSelector('[data-topic="workshop/door"] time');
  });
});

Deno.test("the page asks for a token when there is no login, and says when one is wrong", async () => {
  await using gateway = await FakeLiveGateway.start({ topics: workshop() });
  await using browser = await TestBrowser.start();
  const { page, faults } = await browser.open(gateway.url);
  await page.goto(gateway.url);
  await page.fill("#token", "tg_wrong");
  await page.click(".login button");
  await page.waitForSelector(".login .bad:not(:empty)");
  assertEquals(await page.textContent(".login .bad"), "This token is unknown, expired or revoked.");
  await page.fill("#token", FAKE_TOKEN);
  await page.click(".login button");
  await page.waitForSelector('[data-topic="workshop/load"] canvas');
  await page.click(".pill");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForSelector(".login");
  // The browser itself notes the refusals on its console.
  assertEquals(faults.filter((fault) => !/status of 401/.test(fault)), []);
});

Deno.test("the page connects again by itself and goes on when the gateway comes back", async () => {
  const topics = [fakeTopic("a/x", (us) => json({ minute: us / 6e7 }), { encoding: "json" })];
  await using browser = await TestBrowser.start();
  let gateway = await FakeLiveGateway.start({ topics });
  const { url, port } = gateway;
  const { page, faults } = await browser.open(url);
  await page.goto(`${url}/#token=${FAKE_TOKEN}`);
  await page.waitForSelector('.pill[data-state="open"]');
  await gateway[Symbol.asyncDispose]();
  await page.waitForSelector('.pill[data-state="waiting"], .pill[data-state="connecting"]');
  gateway = await FakeLiveGateway.start({ topics, port, epoch: "fake.2" });
  await using _ = gateway;
  await page.waitForSelector('.pill[data-state="open"]');
  await grown(page, "received", 1);
  assertEquals(await page.locator(".card").count(), 1);
  // The browser itself notes on its console that nobody answered.
  assertEquals(faults.filter((fault) => !/net::ERR_|WebSocket connection/.test(fault)), []);
});

Deno.test("the page draws no more than what is on screen when 100 topics come at 10 Hz", async () => {
  await onPage(rig(100), async (page) => {
    await page.waitForFunction(() => document.querySelectorAll(".card").length === 100);
    await page.waitForSelector("canvas");
    await grown(page, "frames", 30);
    const { times, before, after } = await page.evaluate(async (wanted) => {
      const page = (globalThis as unknown as { tidegatePage: { counts: PageCounts } }).tidegatePage;
      const frame = () => new Promise<number>((at) => requestAnimationFrame(at));
      const stamps = [await frame()];
      const before = page.counts;
      while (stamps.length <= wanted) stamps.push(await frame());
      return { times: stamps.slice(1).map((stamp, i) => stamp - stamps[i]!), before, after: page.counts };
    }, 180);
    const seconds = times.reduce((sum, time) => sum + time, 0) / 1000;
    const draws = (after.draws - before.draws) / seconds;
    const p95 = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)]!;
    console.log(
      `    100 topics x 10 Hz: ${after.onScreen} cards on screen, ${draws.toFixed(0)} drawings/s, ` +
        `frame time p95 ${p95.toFixed(1)} ms, ${after.overruns - before.overruns} frames over budget`,
    );
    assertEquals(
      await page.locator("canvas").count(),
      after.onScreen - 1,
      "one canvas for each card on screen",
    );
    assert(after.onScreen < 40, `${after.onScreen} of 100 cards count as on screen`);
    // At most 10 texts, 4 pictures and 4 ages a second for each: what 5 minutes on a few hundred pixels can show.
    assert(draws <= after.onScreen * 18, `${draws} drawings a second for ${after.onScreen} cards`);
    assert(after.received - before.received > 50 * seconds, "samples kept coming");

    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.waitForSelector('[data-topic="rig/channel/99"] canvas');
    await page.locator('[data-topic="rig/channel/0"] canvas').waitFor({ state: "detached" });
    await inked(page, "rig/channel/99", 1000);
  });
});

Deno.test("the page filters topics, stands still while paused, and changes the time shown", async () => {
  await onPage(workshop(), async (page, gateway) => {
    await page.waitForSelector('[data-topic="workshop/load"] canvas');
    await page.keyboard.press("/");
    await page.keyboard.type("SPINDLE spe");
    assertEquals(await page.locator(".card:visible h3").allTextContents(), ["spindle/speed"]);
    assertEquals(await page.locator(".device:visible").count(), 1);
    await page.fill('input[type="search"]', "");

    await page.getByRole("radio", { name: "15 min" }).check();
    const asked = await gateway.hears("subscribe", 2);
    assertEquals(
      asked.map(({ from }) => from),
      [{ time: -300_000_000 }, { time: -900_000_000 }],
      "the past is asked for as it is shown",
    );
    await page.getByRole("radio", { name: "1 min" }).check();
    await page.getByRole("button", { name: "Pause" }).click();
    await allDrawn(page);
    const picture = await page.locator('[data-topic="workshop/load"] canvas').evaluate((canvas) =>
      (canvas as HTMLCanvasElement).toDataURL()
    );
    await grown(page, "received", 100);
    const later = await page.locator('[data-topic="workshop/load"] canvas').evaluate((canvas) =>
      (canvas as HTMLCanvasElement).toDataURL()
    );
    assert(picture === later, "the picture stands still while samples come in");
  });
});

Deno.test("the page writes a writable topic and tells what came of it", async () => {
  await onPage(workshop(), async (page, gateway) => {
    const card = page.locator('[data-topic="workshop/lamp"]');
    await card.locator("input").fill("bright");
    await card.getByRole("button", { name: "Write" }).click();
    await card.locator("output.bad").waitFor();
    await card.locator("input").fill('{"state":"off"}');
    await card.locator("input").press("Enter");
    await card.locator("output.good").waitFor();
    assertEquals(await card.locator("output").textContent(), "done");
    const write = gateway.heard.find((message) => message.type === "write");
    assertEquals(write?.type === "write" && write.topic, "workshop/lamp");
  });
});

Deno.test("the page fits a phone without scrolling sideways, in light and in dark", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    await onPage(workshop(), async (page) => {
      await page.waitForSelector(".card canvas");
      const [width, wanted] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
      assert(wanted! <= width!, `${wanted} pixels wide on a screen of ${width}`);
    }, { viewport: { width: 360, height: 740 }, colorScheme, hasTouch: true });
  }
});

/**
 * The live page in Chromium on the shipped gateway, in each of its forms: by the login link to live charts of
 * this machine, through a gateway that dies and comes back.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { TestBrowser } from "../support/browser.ts";
import { eachForm } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { counts, grown, inked, someNumberChanged } from "../support/page.ts";

/** What Chromium itself writes on the console when nobody listens. */
const NOBODY_THERE = /net::ERR_|WebSocket connection/;

/** The topic of a whole machine's processors, by whatever name the machine has. */
async function processorTopic(page: Page): Promise<string> {
  const card = page.locator('.card[data-name="cpu"]');
  await card.locator("canvas").waitFor();
  return (await card.getAttribute("data-topic"))!;
}

/** Topics of the cards, in order. */
async function cards(page: Page): Promise<(string | null)[]> {
  const all = await page.locator(".card").all();
  return (await Promise.all(all.map((card) => card.getAttribute("data-topic")))).sort();
}

async function isLive(page: Page): Promise<string> {
  await page.waitForSelector('.pill[data-state="open"]');
  const topic = await processorTopic(page);
  await grown(page, "received", 20);
  await someNumberChanged(page); // not the processors': on a busy machine they stand at 100 %
  return topic;
}

function printedLink(gateway: GatewayProcess): string {
  const link = /https?:\/\/\S+#token=\S+/.exec(gateway.diagnosis())?.[0];
  assert(link, `no login link in:\n${gateway.diagnosis()}`);
  return link;
}

eachForm(({ form, alone }) => {
  alone("the link that the gateway prints opens a page that shows this machine live", async (start) => {
    const gateway = await start({ args: ["--agent"] });
    await using browser = await TestBrowser.start();
    const { page, faults } = await browser.open(gateway.url);
    await page.goto(printedLink(gateway));
    const topic = await isLive(page);
    assertEquals(new URL(page.url()).hash, "");
    await inked(page, topic, 500);
    await page.locator(".device .presence", { hasText: "online by WebSocket" }).waitFor();
    assertEquals(await page.locator(".device").count(), 1);
    // The delay shows once it is measured.
    await page.locator(".pill", { hasText: /live by (WebSocket|WebRTC), \d/ }).waitFor();
    assertEquals(faults, []);
  });

  alone("the page goes on by itself when the gateway was killed and comes back", async (start) => {
    await using browser = await TestBrowser.start();
    const first = await start({ args: ["--agent"] });
    const { token } = await operator.dashboardToken(first);
    const { page, faults } = await browser.open(first.url);
    await page.goto(`${first.url}/#token=${token}`);
    await isLive(page);
    await first.kill();
    await page.waitForSelector('.pill:not([data-state="open"])');
    const before = await cards(page);
    await start({ data: first.data, args: ["--agent", "--listen", new URL(first.url).host] });
    await isLive(page);
    const after = await cards(page);
    assertEquals([...new Set(after)], after, "a topic has two cards");
    assertEquals(before.filter((topic) => !after.includes(topic)), [], "topics that are gone");
    assertEquals(faults.filter((fault) => !NOBODY_THERE.test(fault)), []);
  });

  if (form.name === "Deno, source" || form.name === "Bun, source") {
    alone("the page works over wss, by a cookie that no script can read", async (start) => {
      const gateway = await start({ args: ["--agent", "--tls", "auto"] });
      await using browser = await TestBrowser.start();
      const { page, faults } = await browser.open(gateway.url, { ignoreHTTPSErrors: true });
      await page.goto(printedLink(gateway));
      await isLive(page);
      assert((await counts(page)).topics > 3);
      const cookies = await page.context().cookies();
      assertEquals(
        cookies.map(({ httpOnly, secure, sameSite }) => ({ httpOnly, secure, sameSite })),
        [{ httpOnly: true, secure: true, sameSite: "Strict" }],
      );
      assertEquals(faults, []);
    });
  }
});

/**
 * What tests read from the live page.
 *
 * @module
 */
import type { Page } from "playwright-core";
import type { PageCounts } from "../../web/page.ts";

/** The page's own counts. */
export function counts(page: Page): Promise<PageCounts> {
  return page.evaluate(() =>
    (globalThis as unknown as { tidegatePage: { counts: PageCounts } }).tidegatePage.counts
  );
}

/** Waits until one of the page's counts has grown by `more`. */
export async function grown(page: Page, count: "frames" | "received", more: number): Promise<void> {
  const until = (await counts(page))[count] + more;
  await page.waitForFunction(
    ([name, least]) =>
      (globalThis as unknown as { tidegatePage: { counts: PageCounts } }).tidegatePage.counts[name] >= least,
    [count, until] as const,
  );
}

/** Waits until all that is on screen has had its turn to be drawn: a frame without the time for all draws one at least. */
export async function allDrawn(page: Page): Promise<void> {
  await grown(page, "frames", (await counts(page)).onScreen + 1);
}

/** Waits until the page shows another number for the topic than it does now. */
export async function numberChanged(page: Page, topic: string): Promise<void> {
  const selector = `[data-topic="${topic}"] .number`;
  await page.waitForFunction(
    ([wanted, text]) => document.querySelector(wanted)?.textContent !== text,
    [selector, await page.textContent(selector)] as const,
  );
}

/** Waits until one of the numbers that the page shows has become another: each by itself may stand for long. */
export async function someNumberChanged(page: Page): Promise<void> {
  const shown = await page.locator(".number").allTextContents();
  await page.waitForFunction(
    (before) => [...document.querySelectorAll(".number")].some((one, i) => one.textContent !== before[i]),
    shown,
  );
}

/** Waits until something was drawn on more than so many pixels of a topic's chart. */
export async function inked(page: Page, topic: string, pixels: number): Promise<void> {
  await page.waitForFunction(([name, least]) => {
    const canvas = document.querySelector<HTMLCanvasElement>(`[data-topic="${name}"] canvas`);
    const data = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    let inked = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i]! > 0) inked++;
    return inked > least;
  }, [topic, pixels] as const);
}

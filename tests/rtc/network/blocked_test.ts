/** UDP that does not get through, seen by a page in Chromium on an emulated link. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { ownFaults, seenInPage, watchInPage, wayInPage } from "../../support/browser_sdk.ts";
import { shippedForms } from "../../support/forms.ts";
import { networkTest } from "../../support/link/network_case.ts";
import { Site } from "../../support/link/site.ts";

const LINK = { delayMs: 10 };
const JOB = { device: "dev", hz: 100, bytes: 200, topics: 1 };

async function samplesMore(page: Page, more: number): Promise<void> {
  const { states } = await seenInPage(page);
  await page.waitForFunction(
    (count) => (globalThis as unknown as { seen: { states: number[] } }).seen.states.length > count,
    states.length + more,
  );
}

/** Blocks UDP on both sides, for packets that are on their way too. */
async function blockUdp(site: Site, blocked: boolean): Promise<void> {
  for (const side of [site.gatewaySide, site.clientSide]) await side.blockUdp(blocked);
}

function assertWhole(events: number[]): void {
  assertEquals(events, events.map((_, i) => events[0]! + i));
}

for (const form of shippedForms().filter(({ name }) => name.endsWith("source"))) {
  networkTest(
    `[${form.name}] a page behind a firewall without UDP stays on the WebSocket and shows no error`,
    async () => {
      await using site = await Site.start(form, { profile: LINK });
      await blockUdp(site, true);
      const { page, faults } = await site.page();
      const source = await site.source(JOB);
      await watchInPage(page, site.gateway.token, JOB.device);
      await samplesMore(page, 300);
      await source.stop();
      const seen = await seenInPage(page);
      assertEquals(seen.ways.map(({ transport }) => transport), ["websocket"]);
      assertEquals(seen.gaps, 0);
      assertWhole(seen.events);
      assertEquals(ownFaults(faults), []);
    },
  );

  networkTest(
    `[${form.name}] a page goes back to the WebSocket for want of confirmations when UDP dies, and returns`,
    async () => {
      await using site = await Site.start(form, { profile: LINK });
      const { page, faults } = await site.page();
      const source = await site.source(JOB);
      await watchInPage(page, site.gateway.token, JOB.device);
      await wayInPage(page, "webrtc");
      await samplesMore(page, 100);
      await blockUdp(site, true);
      const blockedOn = (await seenInPage(page)).ways.length - 1;
      const back = await wayInPage(page, "websocket", blockedOn);
      await samplesMore(page, 50);
      await blockUdp(site, false);
      await wayInPage(page, "webrtc", back);
      await samplesMore(page, 100);
      await source.stop();
      const seen = await seenInPage(page);
      // by the second without confirmations, not by the end of the lane, which comes ten times later
      assertMatch(seen.ways[back - 1]!.cause, /^no confirmation on the state lane/);
      assertEquals(seen.gaps, 0);
      assertWhole(seen.events);
      assert(
        seen.states.every((offset, i) => i === 0 || offset > seen.states[i - 1]!),
        "state goes backwards",
      );
      assertEquals(ownFaults(faults), []);
    },
  );
}

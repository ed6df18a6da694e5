/** A page whose UDP reaches nothing but coturn gets its stream through the relay. */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { ownFaults, seenInPage, watchInPage, wayInPage } from "../../support/browser_sdk.ts";
import { shippedForms } from "../../support/forms.ts";
import { networkTest } from "../../support/link/network_case.ts";
import { startCoturn, TURN_PORT } from "../../support/link/coturn.ts";
import { Site } from "../../support/link/site.ts";

const SECRET = "shared-with-the-relay";
const JOB = { device: "dev", hz: 100, bytes: 200, topics: 1 };

/** What the gateway has on record of the lane of the page's session. */
function laneEvents(page: Page, token: string): Promise<{ kind: string; detail: { pair?: string } }[]> {
  return page.evaluate(async (token) => {
    const headers = { authorization: `Bearer ${token}` };
    const get = async (path: string) => await (await fetch(path, { headers })).json();
    const { sessions } = await get("/v1/sessions?role=operator&limit=1") as { sessions: { id: string }[] };
    const { events } = await get(`/v1/sessions/${sessions[0]!.id}/events`) as {
      events: { kind: string; detail: { pair?: string } }[];
    };
    return events.filter(({ kind }) => kind.startsWith("webrtc"));
  }, token);
}

for (const form of shippedForms().filter(({ name }) => name.endsWith("source"))) {
  networkTest(
    `[${form.name}] a page that may only talk to the TURN server gets its stream through the relay`,
    async () => {
      await using site = await Site.start(form, {
        sides: ["turn"],
        profile: { delayMs: 5 },
        gatewayArgs: (network) => [
          "--rtc-ice-servers",
          `turn:${network.side("turn").address}:${TURN_PORT}?transport=udp`,
          "--rtc-turn-secret",
          SECRET,
        ],
      });
      const turn = site.network.side("turn");
      await using relay = await startCoturn(turn, SECRET);
      await site.clientSide.blockUdp(true, turn.address);
      await site.gatewaySide.blockUdp(true, turn.address);
      const { page, faults } = await site.page();
      const source = await site.source(JOB);
      await watchInPage(page, site.gateway.token, JOB.device);
      await wayInPage(page, "webrtc").catch(async (cause) => {
        const seen = JSON.stringify(await laneEvents(page, site.gateway.token));
        throw new Error(`no lane; the gateway's record: ${seen}\ncoturn: ${relay.log().slice(-3000)}`, {
          cause,
        });
      });
      const before = (await seenInPage(page)).states.length;
      await page.waitForFunction(
        (count) => (globalThis as unknown as { seen: { states: number[] } }).seen.states.length > count,
        before + 200,
      );
      await source.stop();
      const seen = await seenInPage(page);
      assertEquals(seen.ways.map(({ transport }) => transport).slice(0, 2), ["websocket", "webrtc"]);
      assertEquals(seen.gaps, 0);
      assertEquals(ownFaults(faults), []);
      assert(/session \d+: .*ALLOCATE processed, success/i.test(relay.log()), relay.log().slice(-2000));
      const opened = (await laneEvents(page, site.gateway.token)).find(({ kind }) => kind === "webrtc_open");
      const pair = opened?.detail.pair;
      assert(pair?.includes(turn.address), `the path does not lead over the relay: ${pair}`);
    },
  );
}

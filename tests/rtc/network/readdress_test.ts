/** A client whose machine gets another address in place of its own: what it had, packets included, is gone. */
import { assert, assertEquals } from "@std/assert";
import { ownFaults, seenInPage, watchInPage, wayInPage } from "../../support/browser_sdk.ts";
import { shippedForms } from "../../support/forms.ts";
import { networkTest } from "../../support/link/network_case.ts";
import { Site } from "../../support/link/site.ts";

const JOB = { device: "dev", hz: 50, bytes: 200, topics: 1 };
const OTHER_ADDRESS = "10.77.0.66";

/** It takes Chromium seconds to notice: for the long run, and on one form. */
const SOAK = Deno.env.get("TIDEGATE_SOAK") === "1";
const FORMS = SOAK ? shippedForms().filter(({ name }) => name.endsWith("source")).slice(0, 1) : [];

for (const form of FORMS) {
  networkTest(
    `[${form.name}] a page whose address changes goes on with its session by another path`,
    async () => {
      await using site = await Site.start(form);
      const { page, faults } = await site.page();
      const source = await site.source(JOB);
      await watchInPage(page, site.gateway.token, JOB.device, { signalling: "http" });
      await wayInPage(page, "webrtc");
      const more = async () => {
        const from = (await seenInPage(page)).events.length;
        await page.waitForFunction(
          (count) => (globalThis as unknown as { seen: { events: number[] } }).seen.events.length > count,
          from + 20,
        );
      };
      await more();
      await site.clientSide.readdress(OTHER_ADDRESS);
      await more();
      await source.stop();
      const seen = await seenInPage(page);
      assertEquals(seen.gaps, 0);
      assertEquals(seen.events, seen.events.map((_, i) => seen.events[0]! + i));
      assert(
        seen.states.every((offset, i) => i === 0 || offset > seen.states[i - 1]!),
        "state goes backwards",
      );
      const kinds = await page.evaluate(async (token) => {
        const headers = { authorization: `Bearer ${token}` };
        const get = async (path: string) => await (await fetch(path, { headers })).json();
        const [session] = (await get("/v1/sessions?role=operator&limit=1")).sessions;
        return (await get(`/v1/sessions/${session.id}/events`)).events.map(({ kind }: { kind: string }) =>
          kind
        );
      }, site.gateway.token) as string[];
      // by the restart of ICE, or where a busy machine takes too long for that, by a new peer connection
      assert(kinds.includes("ice_restart") || kinds.includes("resumed"), `${kinds}`);
      assertEquals(ownFaults(faults), []);
    },
  );
}

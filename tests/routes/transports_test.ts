/** Why sessions are on their transports, over HTTP. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { SessionWay } from "../../transport/way.ts";
import { RTC_DEFAULTS } from "../../rtc/settings.ts";
import { testApp } from "./support.ts";

const OPEN: SessionWay = {
  session: "s-2",
  role: "dashboard",
  name: "wall",
  remote: "10.0.0.1:1",
  transport: "websocket",
  sinceMs: 1_700_000_000_000,
  cause: "every session begins on the WebSocket",
  lane: {
    stage: "over",
    sinceMs: 1_700_000_000_000,
    offers: 2,
    rejected: true,
    cause: "the gateway has its limit of 1 WebRTC peers",
    retryAtMs: 1_700_000_060_000,
    local: [],
    remote: [],
    pairs: [],
  },
};

Deno.test("an open session's transport is told with facts, reason and advice, to operators only", async () => {
  const t = testApp({ ways: () => [OPEN], rtc: RTC_DEFAULTS });
  const headers = t.bearer({ role: "operator" });
  const { transports } = await (await t.request("/v1/transports", { headers })).json();
  const one = await (await t.request("/v1/sessions/s-2/transport", { headers })).json();
  assertEquals(transports, [one]);
  assertStringIncludes(one.why, "limit of 1 WebRTC peers");
  assertEquals([one.webrtc.offers, one.webrtc.retryAt, one.advice.length], [
    2,
    "2023-11-14T22:14:20.000Z",
    1,
  ]);
  const reader = t.bearer({ role: "dashboard", read: ["#"] });
  assertEquals((await t.request("/v1/transports", { headers: reader })).status, 403);
});

Deno.test("what an open session speaks is told, and of a raw one nothing that it has not", async () => {
  const { lane: _, ...plain } = OPEN;
  const t = testApp({
    ways: () => [OPEN, { ...plain, session: "s-3", role: "device", name: "pump", mode: "raw" }],
    rtc: RTC_DEFAULTS,
  });
  const headers = t.bearer({ role: "operator" });
  const { transports } = await (await t.request("/v1/transports", { headers })).json();
  const [protocol, raw] = transports;
  assertEquals([protocol.mode, raw.mode], ["protocol", "raw"]);
  assertEquals([raw.name, raw.roundTripMs, raw.webrtc, raw.advice], ["pump", null, null, []]);
});

Deno.test("a session that is over, or unknown to the transport, is told by its record", async () => {
  const t = testApp();
  const headers = t.bearer({ role: "operator" });
  const { why, webrtc } = await (await t.request("/v1/sessions/s-1/transport", { headers })).json();
  assertStringIncludes(why, "moved to webrtc");
  assertEquals(webrtc, null);
  assertEquals((await t.request("/v1/sessions/none/transport", { headers })).status, 404);
});

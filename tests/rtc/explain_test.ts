/** What people are told of why a session is where it is. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { explainWay, isPrivate } from "../../rtc/explain.ts";
import { RTC_DEFAULTS } from "../../rtc/settings.ts";
import type { CandidateFacts, LaneFacts, PairFacts, SessionWay } from "../../transport/way.ts";

const candidate = (type: string, address: string, port: number): CandidateFacts => ({
  type,
  protocol: "udp",
  address,
  port,
});
const OURS = candidate("host", "192.168.1.5", 50_000);
const THEIRS = candidate("srflx", "203.0.113.9", 61_000);
const pair = (state: PairFacts["state"], heard: boolean): PairFacts => ({
  local: OURS,
  remote: THEIRS,
  state,
  heard,
});

function session(lane: Partial<LaneFacts> | undefined, more: Partial<SessionWay> = {}): SessionWay {
  const facts: LaneFacts = {
    stage: "over",
    sinceMs: 0,
    offers: 1,
    rejected: false,
    local: [],
    remote: [],
    pairs: [],
    ...lane,
  };
  return {
    session: "s",
    role: "dashboard",
    name: "n",
    remote: "203.0.113.9:1",
    transport: "websocket",
    sinceMs: 0,
    cause: "c",
    ...(lane ? { lane: facts } : {}),
    ...more,
  };
}

Deno.test("of a raw or MQTT device nothing is said that only a client of the protocol could mend", () => {
  for (const more of [{ mode: "raw" }, { mode: "mqtt", transport: "mqtt" }] as const) {
    for (const rtc of [RTC_DEFAULTS, null]) {
      const { text, advice } = explainWay(session(undefined, more), rtc);
      assert(!/offer|WebRTC/.test(text), text);
      assertEquals(advice, []);
    }
  }
});

Deno.test("a session on WebRTC is told by its path and its round trip", () => {
  const lane = { stage: "open", selected: pair("answered", true) } as const;
  const { text, advice } = explainWay(
    session(lane, { transport: "webrtc", roundTripMs: 12.4 }),
    RTC_DEFAULTS,
  );
  assertMatch(text, /directly, through a NAT .*192\.168\.1\.5:50000.*203\.0\.113\.9:61000.*12 ms/);
  assertEquals(advice, []);
});

Deno.test("a path through a TURN server names its relay", () => {
  const selected = { ...pair("answered", true), remote: candidate("relay", "198.51.100.1", 7) };
  const { text } = explainWay(session({ stage: "open", selected }, { transport: "webrtc" }), RTC_DEFAULTS);
  assertStringIncludes(text, "TURN server's relay at 198.51.100.1");
});

Deno.test("WebRTC that is off, or never offered, is said to be so", () => {
  assertStringIncludes(explainWay(session(undefined), null).text, "switched off");
  assertStringIncludes(explainWay(session(undefined), RTC_DEFAULTS).text, "no offer");
});

Deno.test("an offer that was turned down names the reason", () => {
  const cause = "the gateway has its limit of 256 WebRTC peers";
  assertStringIncludes(explainWay(session({ rejected: true, cause }), RTC_DEFAULTS).text, cause);
});

Deno.test("where nothing of the client is heard, the firewall's ports and a TURN line are named", () => {
  const lane = { local: [OURS], remote: [THEIRS], pairs: [pair("failed", false)], cause: "no path" };
  const { text, advice } = explainWay(session(lane), { ...RTC_DEFAULTS, portRange: [50_000, 50_100] });
  assertStringIncludes(text, "only has private addresses");
  assertEquals(advice.length, 3);
  assertStringIncludes(advice[0]!, "UDP ports 50000 to 50100 in to 192.168.1.5");
  assertStringIncludes(advice[1]!, "--rtc-advertise");
  assertStringIncludes(advice[2]!, "--rtc-ice-servers turn:");
});

Deno.test("where only one direction is blocked, that one is named", () => {
  const lane = { local: [OURS], remote: [THEIRS], pairs: [pair("failed", true)], cause: "no path" };
  const { text, advice } = explainWay(session(lane), RTC_DEFAULTS);
  assertStringIncludes(text, "no answer comes back");
  assertStringIncludes(advice[0]!, "UDP out of 192.168.1.5 to 203.0.113.9");
});

Deno.test("a client that names no address is sent to its browser's policy", () => {
  const { text } = explainWay(session({ local: [OURS], cause: "no path" }), RTC_DEFAULTS);
  assertStringIncludes(text, "named no address");
});

Deno.test("private addresses are told from public ones", () => {
  const inside = ["10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1", "127.0.0.1", "fe80::1", "fd00::1"];
  const outside = ["172.32.0.1", "100.128.0.1", "203.0.113.9", "2001:db8::1", "11.0.0.1"];
  assertEquals([inside.every(isPrivate), outside.some(isPrivate)], [true, false]);
});

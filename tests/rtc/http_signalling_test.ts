/** WebRTC signalled over HTTP, from the routes down to werift on both sides. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Counters } from "../../hub/counters.ts";
import { HttpSignalling } from "../../rtc/http_signalling.ts";
import { Population } from "../../rtc/population.ts";
import { RTC_DEFAULTS, type RtcSettings } from "../../rtc/settings.ts";
import { DataChannelClient } from "../support/data_channel_client.ts";
import { testApp } from "../routes/support.ts";

const SDP = { "content-type": "application/sdp" };
const FRAGMENT = "application/trickle-ice-sdpfrag";

/** The routes over real signalling, with sessions that say back what they are told. */
function setUp(change: Partial<RtcSettings> = {}) {
  // however slow the machine, no negotiation is over before its test is
  const settings = { ...RTC_DEFAULTS, negotiateWithinMs: 600_000, ...change };
  const counters = new Counters();
  const population = new Population(settings);
  const sessions = new HttpSignalling({
    settings,
    counters,
    population,
    limits: {
      maxMessageBytes: 262_144,
      maxBufferedBytes: 1_048_576,
      onFault: (error) => {
        throw error;
      },
    },
  });
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  const came: string[] = [];
  const app = testApp({
    rtcSignalling: {
      sessions,
      accept: (endpoint) => (transport) => {
        came.push(`${endpoint} ${transport.kind}`);
        return {
          text: (text) => void transport.send(text),
          binary: (bytes) => void transport.send(bytes),
          closed: closed.resolve,
        };
      },
    },
  });
  return {
    ...app,
    counters,
    sessions,
    came,
    closed: closed.promise,
    dashboard: app.bearer({ role: "dashboard", label: "d" }),
    device: app.bearer({ role: "device", device: "pump", label: "p" }),
    [Symbol.dispose]: () => population.stop(),
  };
}

/** An offer as a browser makes it. */
async function anOffer(): Promise<string> {
  await using client = new DataChannelClient();
  return (await client.connection.createOffer()).sdp;
}

Deno.test("an offer is answered 201 with the answer, a place, a tag and the ICE servers", async () => {
  using it = setUp({
    iceServers: [{ url: "stun:127.0.0.1:9" }, {
      url: "turn:127.0.0.1:9?transport=udp",
      username: 'a"b',
      credential: "c\\d",
    }],
  });
  const response = await it.request("/v1/rtc/live", {
    method: "POST",
    body: await anOffer(),
    headers: { ...SDP, ...it.dashboard, accept: "text/html;q=0.5, application/sdp" },
  });
  assertEquals(response.status, 201);
  assertEquals(response.headers.get("content-type"), "application/sdp");
  assertMatch(response.headers.get("location")!, /^sessions\/[\w-]{22}$/);
  assertMatch(response.headers.get("etag")!, /^"[^"]+"$/);
  assertEquals(response.headers.get("accept-patch"), FRAGMENT);
  assertEquals(
    response.headers.get("link"),
    '<stun:127.0.0.1:9>; rel="ice-server", <turn:127.0.0.1:9?transport=udp>; rel="ice-server"; ' +
      'username="a\\"b"; credential="c\\\\d"; credential-type="password"',
  );
  const answer = await response.text();
  assertStringIncludes(answer, "a=candidate:");
  assertStringIncludes(answer, "a=end-of-candidates");
  assertStringIncludes(answer, "a=max-message-size:262144");
  assertEquals(it.sessions.size, 1);
});

Deno.test("what is wrong with an offer has its own status, and is counted", async () => {
  using it = setUp();
  const offer = await anOffer();
  const post = async (path: string, body: string, headers: Record<string, string>) => {
    const response = await it.request(path, { method: "POST", body, headers });
    return { status: response.status, detail: (await response.json()).detail as string };
  };
  const status = async (...given: Parameters<typeof post>) => (await post(...given)).status;
  const good = { ...SDP, ...it.dashboard };
  assertEquals(await status("/v1/rtc/live", offer, SDP), 401);
  assertEquals(await status("/v1/rtc/live", offer, { ...SDP, ...it.device }), 403);
  assertEquals(await status("/v1/rtc/device", offer, good), 403);
  assertEquals(await status("/v1/rtc/other", offer, good), 404);
  assertEquals(await status("/v1/rtc/live", offer, { ...good, accept: "text/html" }), 406);
  assertEquals(await status("/v1/rtc/live", offer, { ...good, accept: "application/sdp;q=0" }), 406);
  assertEquals(await status("/v1/rtc/live", offer, { ...good, "content-type": "text/plain" }), 415);
  assertEquals(await status("/v1/rtc/live", offer + "a=x\r\n".repeat(20_000), good), 413);
  assertEquals(await status("/v1/rtc/live", "hello", good), 400);
  const audio = await post("/v1/rtc/live", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", good);
  assertEquals(audio.status, 422);
  assertStringIncludes(audio.detail, "no application section");
  const small = await post("/v1/rtc/live", offer.replace("262144", "65536"), good);
  assertEquals(small.status, 422);
  assertStringIncludes(small.detail, "messages of 65536 bytes; a session needs a=max-message-size:262144");
  assertEquals(it.counters.get("webrtc_refused", "malformed"), 1);
  assertEquals(it.counters.get("webrtc_refused", "unprocessable"), 2);
  assertEquals(it.sessions.size, 0);
});

Deno.test("a few devices without a token may come at a time, and no dashboard", async () => {
  using it = setUp();
  const offer = await anOffer();
  const post = (path: string, headers = {}) =>
    it.request(path, { method: "POST", body: offer, headers: { ...SDP, ...headers } });
  const wrong = await post("/v1/rtc/device", { authorization: `Bearer tg_${"x".repeat(43)}` });
  assertEquals(wrong.status, 401);
  assertEquals((await post("/v1/rtc/live")).status, 401);
  const locations: string[] = [];
  for (let i = 0; i < 8; i++) {
    const response = await post("/v1/rtc/device");
    assertEquals(response.status, 201);
    locations.push(response.headers.get("location")!);
  }
  assertEquals((await post("/v1/rtc/device")).status, 503);
  assertEquals((await post("/v1/rtc/device", it.device)).status, 201);
  const end = (headers = {}) => it.request(`/v1/rtc/${locations[0]}`, { method: "DELETE", headers });
  assertEquals((await end(it.device)).status, 404);
  assertEquals((await end()).status, 200);
  assertEquals((await post("/v1/rtc/device")).status, 201);
});

Deno.test("only POST is for the endpoints, only PATCH and DELETE for sessions", async () => {
  using it = setUp();
  for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
    const response = await it.request("/v1/rtc/live", { method, headers: it.dashboard });
    assertEquals([response.status, response.headers.get("allow")], [405, "POST, OPTIONS"], method);
    await response.body?.cancel();
  }
  for (const method of ["GET", "PUT", "POST"]) {
    const response = await it.request("/v1/rtc/sessions/x", { method, headers: it.dashboard });
    assertEquals([response.status, response.headers.get("allow")], [405, "PATCH, DELETE, OPTIONS"], method);
    await response.body?.cancel();
  }
  const options = await it.request("/v1/rtc/live", { method: "OPTIONS" });
  assertEquals([options.status, options.headers.get("accept-post")], [204, "application/sdp"]);
  const preflight = await it.request("/v1/rtc/sessions/x", {
    method: "OPTIONS",
    headers: { origin: "https://ops.example.org", "access-control-request-method": "PATCH" },
  });
  assertStringIncludes(preflight.headers.get("access-control-allow-methods")!, "PATCH");
  assertStringIncludes(preflight.headers.get("access-control-allow-headers")!, "if-match");
  assertStringIncludes(preflight.headers.get("access-control-expose-headers")!, "etag");
});

Deno.test("limits on peers, and on unfinished negotiations of one address, are answered 503 and 429", async () => {
  using it = setUp({ maxPendingPerAddress: 1, maxPeers: 2 });
  const body = await anOffer();
  const post = (remote: string) =>
    it.request("/v1/rtc/live", {
      method: "POST",
      body,
      headers: { ...SDP, ...it.dashboard },
      env: { remote },
    });
  assertEquals((await post("192.0.2.1:1")).status, 201);
  const again = await post("192.0.2.1:2");
  assertEquals([again.status, again.headers.get("retry-after")], [429, "5"]);
  assertEquals((await post("192.0.2.2:1")).status, 201);
  const full = await post("192.0.2.3:1");
  assertEquals([full.status, full.headers.get("retry-after")], [503, "60"]);
  assertEquals(it.counters.get("webrtc_refused", "address_limit"), 1);
  assertEquals(it.counters.get("webrtc_refused", "peer_limit"), 1);
});

Deno.test("a change says which state it means, and only the token that made the session may make it", async () => {
  using it = setUp();
  const offered = await it.request("/v1/rtc/live", {
    method: "POST",
    body: await anOffer(),
    headers: { ...SDP, ...it.dashboard },
  });
  const path = `/v1/rtc/${offered.headers.get("location")}`;
  const tag = offered.headers.get("etag")!;
  const fragment = "a=end-of-candidates\r\n";
  const credentials = (ufrag: string) => `a=ice-ufrag:${ufrag}\r\na=ice-pwd:${ufrag.repeat(6)}\r\n`;
  const patch = async (body: string, headers: Record<string, string>) => {
    const response = await it.request(path, {
      method: "PATCH",
      body,
      headers: { "content-type": FRAGMENT, ...it.dashboard, ...headers },
    });
    await response.body?.cancel();
    return response;
  };
  const status = async (...given: Parameters<typeof patch>) => (await patch(...given)).status;
  assertEquals(await status(fragment, {}), 428);
  assertEquals(await status(fragment, { "if-match": '"other"' }), 412);
  assertEquals(await status(fragment, { "if-match": `W/${tag}` }), 412);
  assertEquals(await status("hello", { "if-match": tag }), 400);
  assertEquals(await status("{}", { "if-match": tag, "content-type": "application/json" }), 415);
  assertEquals(await status(fragment, { "if-match": "*" }), 422);
  assertEquals(await status(credentials("else"), { "if-match": tag }), 422);
  const hidden = "a=candidate:1 1 udp 1 nobody.example 5 typ host\r\n";
  const trickled = await patch(hidden + fragment, { "if-match": `"other", ${tag}` });
  assertEquals([trickled.status, trickled.headers.get("etag")], [204, null]);
  assertEquals(it.counters.get("webrtc_refused", "bad_candidate"), 1);
  const restarts = ["aaaa", "bbbb"].map((ufrag) =>
    it.request(path, {
      method: "PATCH",
      body: credentials(ufrag),
      headers: { "content-type": FRAGMENT, ...it.dashboard, "if-match": "*" },
    })
  );
  const [first, second] = await Promise.all(restarts);
  assertEquals([first!.status, second!.status], [200, 409]);
  assertStringIncludes(await first!.text(), "a=ice-ufrag:");
  assert(first!.headers.get("etag") !== tag);
  assertEquals(await status(credentials("aaaa"), { "if-match": "*" }), 422);
  const other = it.bearer({ role: "dashboard", label: "other" });
  assertEquals(await status(fragment, { "if-match": tag, ...other }), 404);
  assertEquals((await it.request(path, { method: "DELETE", headers: other })).status, 404);
  assertEquals((await it.request(path, { method: "DELETE" })).status, 401);
  const ended = await it.request(path, {
    method: "DELETE",
    headers: { ...it.dashboard, "if-match": '"old"' },
  });
  assertEquals(ended.status, 200);
  assertEquals(await status(fragment, { "if-match": tag }), 404);
  assertEquals(it.sessions.size, 0);
});

Deno.test("a client without a socket gets its session, restarts ICE under it, and ends it", async () => {
  using it = setUp();
  await using client = new DataChannelClient();
  const signal = (path: string, init: RequestInit) => it.request(path, init);
  await client.connect(signal, "/v1/rtc/device", it.device);
  assertEquals(it.came, ["device datachannel"]);
  assertEquals(await client.ask("süß"), "süß");
  const former = client.etag;
  await client.restart(signal, it.device);
  assert(client.etag !== former);
  assertEquals(await client.ask(new Uint8Array([1, 2, 3])), new Uint8Array([1, 2, 3]));
  const stale = await client.patch(signal, "a=end-of-candidates\r\n", former, it.device);
  assertEquals(stale.status, 412);
  assertEquals((await it.request(client.location, { method: "DELETE", headers: it.device })).status, 200);
  assertEquals(await it.closed, { code: 1000, reason: "ended over HTTP" });
  await client.closed;
  assertEquals(it.sessions.size, 0);
  assertEquals(it.counters.get("webrtc_lanes", "ice_restarts"), 1);
});

Deno.test("a gateway without WebRTC answers 404 and says why", async () => {
  const it = testApp();
  const headers = { ...SDP, ...it.bearer({ role: "dashboard", label: "d" }) };
  const response = await it.request("/v1/rtc/live", { method: "POST", body: "v=0\r\n", headers });
  assertEquals(response.status, 404);
  assertStringIncludes((await response.json()).detail, "rtc.enabled");
});

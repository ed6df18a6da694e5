import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connectDashboard } from "../../client/mod.ts";
import { HttpSignals, iceServersOf, SignalRefused } from "../../client/http_signals.ts";
import { readFragment, renewedAnswer, writeFragment } from "../../client/sdp.ts";

const DESCRIPTION =
  "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n" +
  "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=mid:data\r\n";

/** Requests that were made, and a `fetch` that answers each with the next of these. */
function scripted(...answers: Response[]) {
  const requests: { url: string; method: string; headers: Record<string, string>; body: unknown }[] = [];
  return {
    requests,
    fetch: (url: string, { method = "", headers, body }: RequestInit) => {
      requests.push({ url, method, headers: headers as Record<string, string>, body });
      return Promise.resolve(answers.shift()!);
    },
  };
}

Deno.test("ICE servers come out of a Link header, whatever stands in quotes", () => {
  assertEquals(
    iceServersOf(
      '<stun:a.example:3478>; rel="ice-server", <https://b.example>; rel=next, ' +
        '<turn:c.example?transport=udp>; rel="ice-server"; username="a, \\"b\\""; credential="c\\\\d="; ' +
        'credential-type="password"',
    ),
    [
      { urls: ["stun:a.example:3478"] },
      { urls: ["turn:c.example?transport=udp"], username: 'a, "b"', credential: "c\\d=" },
    ],
  );
  assertEquals(iceServersOf(""), []);
});

Deno.test("signalling follows the session's place and tag, and a restart changes the tag", async () => {
  const fragment =
    "a=ice-ufrag:wxyz\r\na=ice-pwd:9876543210987654321098\r\na=candidate:2 1 udp 1 192.0.2.2 2 typ host\r\n";
  const { requests, fetch } = scripted(
    new Response("answer", { status: 201, headers: { location: "sessions/x", etag: '"1"' } }),
    new Response(null, { status: 204 }),
    new Response(fragment, { headers: { etag: '"2"' } }),
    new Response(null, { status: 204 }),
    new Response(null),
  );
  const signals = new HttpSignals(fetch, "http://gateway/behind/v1/rtc/live", "token");
  assertEquals(await signals.offer("offer"), { answer: "answer", iceServers: [] });
  await signals.trickle("one");
  assertEquals(await signals.restart("two"), {
    credentials: { ufrag: "wxyz", pwd: "9876543210987654321098" },
    candidates: ["candidate:2 1 udp 1 192.0.2.2 2 typ host"],
  });
  await signals.trickle("three");
  signals.end();
  signals.end();
  assertEquals(requests.map(({ method, url, body }) => `${method} ${url} ${body ?? ""}`), [
    "POST http://gateway/behind/v1/rtc/live offer",
    "PATCH http://gateway/behind/v1/rtc/sessions/x one",
    "PATCH http://gateway/behind/v1/rtc/sessions/x two",
    "PATCH http://gateway/behind/v1/rtc/sessions/x three",
    "DELETE http://gateway/behind/v1/rtc/sessions/x ",
  ]);
  assertEquals(requests.map(({ headers }) => headers["if-match"]), [undefined, '"1"', "*", '"2"', undefined]);
  assertEquals(requests.every(({ headers }) => headers["authorization"] === "Bearer token"), true);
});

Deno.test("a refusal says what the gateway said", async () => {
  const { fetch } = scripted(
    new Response('{"detail":"create a token"}', { status: 401 }),
    new Response("<html>", { status: 502 }),
  );
  const signals = new HttpSignals(fetch, "http://gateway/v1/rtc/live", undefined);
  const refused = await assertRejects(() => signals.offer("offer"), SignalRefused);
  assertEquals([refused.status, refused.message], [401, "create a token"]);
  assertEquals((await assertRejects(() => signals.offer("offer"), SignalRefused)).message, "HTTP status 502");
});

Deno.test("fragments carry the credentials of their description, and renew an answer", () => {
  const fragment = writeFragment(DESCRIPTION, ["candidate:3 1 udp 1 192.0.2.3 3 typ host"], true);
  assertEquals(readFragment(fragment), {
    credentials: { ufrag: "abcd", pwd: "0123456789012345678901" },
    candidates: ["candidate:3 1 udp 1 192.0.2.3 3 typ host"],
  });
  assertEquals(fragment.includes("a=mid:data\r\n") && fragment.endsWith("a=end-of-candidates\r\n"), true);
  const renewed = renewedAnswer(DESCRIPTION, { ufrag: "wxyz", pwd: "p".repeat(22) }, ["candidate:4"]);
  assertEquals(
    renewed,
    `v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:wxyz\r\na=ice-pwd:${
      "p".repeat(22)
    }\r\n` +
      "a=mid:data\r\na=candidate:4\r\n",
  );
});

Deno.test("signalling over HTTP without WebRTC is a TypeError that says what to do", () => {
  const environment = { RTCPeerConnection: undefined };
  assertThrows(
    () => connectDashboard({ url: "http://gateway", signalling: "http", environment }),
    TypeError,
    "environment.RTCPeerConnection",
  );
});

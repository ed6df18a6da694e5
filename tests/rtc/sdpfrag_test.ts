import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  applicationMid,
  iceCredentials,
  maxMessageBytes,
  restartsIce,
  withCandidates,
  withIceCredentials,
} from "../../rtc/description.ts";
import { RtcRefusal } from "../../rtc/refusal.ts";
import { formatSdpFragment, parseSdpFragment } from "../../rtc/sdpfrag.ts";

const UFRAG = "EsAw";
const PWD = "P2uYro0UCOQ4zxjKXaWCBui1";
const CANDIDATE = "candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw";

/** As RFC 9725 section 4.3.2 has them, with an attribute of tomorrow's. */
const FRAGMENT = [
  "a=group:BUNDLE 0",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "a=mid:0",
  `a=ice-ufrag:${UFRAG}`,
  `a=ice-pwd:${PWD}`,
  "a=ice-tomorrow:7",
  `a=${CANDIDATE}`,
  "a=end-of-candidates",
  "",
].join("\r\n");

Deno.test("a fragment's candidates come out with their section, credentials and end", () => {
  assertEquals(parseSdpFragment(FRAGMENT), {
    credentials: { ufrag: UFRAG, pwd: PWD },
    candidates: [{ candidate: CANDIDATE, sdpMid: "0" }],
    end: true,
  });
  const atSessionLevel = `a=ice-ufrag:${UFRAG}\na=ice-pwd:${PWD}\nm=application 9 x y\na=${CANDIDATE}\n`;
  assertEquals(parseSdpFragment(atSessionLevel), {
    credentials: { ufrag: UFRAG, pwd: PWD },
    candidates: [{ candidate: CANDIDATE }],
    end: false,
  });
  assertEquals(parseSdpFragment("a=end-of-candidates"), { candidates: [], end: true });
});

Deno.test("a fragment that cannot be read is refused with its line", () => {
  const cases: [string, string][] = [
    ["", "it is empty"],
    ["\r\n\r\n", "it is empty"],
    ["hello", "line 1 is not an SDP line"],
    [`a=mid:0\r\n{"candidate":""}`, "line 2"],
    [`a=ice-ufrag:${UFRAG}`, "come together"],
    [`a=ice-pwd:${PWD}`, "come together"],
    [`a=ice-ufrag:abc\na=ice-pwd:${PWD}`, "line 1 is not made of ICE characters, or too short"],
    [`a=ice-ufrag:${UFRAG}\na=ice-pwd:short`, "line 2"],
    [`a=ice-ufrag:${UFRAG}\na=ice-pwd:${PWD}\na=ice-ufrag:other`, "line 3 names other ICE credentials"],
    [`a=${CANDIDATE}\n`.repeat(65), "more than 64 candidates"],
  ];
  for (const [text, words] of cases) {
    const refusal = assertThrows(() => parseSdpFragment(text), RtcRefusal);
    assertEquals(refusal.kind, "malformed");
    assertStringIncludes(refusal.message, words);
  }
});

Deno.test("what formatSdpFragment writes, parseSdpFragment reads", () => {
  const text = formatSdpFragment({ ufrag: UFRAG, pwd: PWD }, "data", [CANDIDATE]);
  assertEquals(parseSdpFragment(text), {
    credentials: { ufrag: UFRAG, pwd: PWD },
    candidates: [{ candidate: CANDIDATE, sdpMid: "data" }],
    end: true,
  });
});

const OFFER = [
  "v=0",
  "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "a=candidate:1 1 udp 1 192.0.2.1 1 typ host",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:0123456789012345678901",
  "a=fingerprint:sha-256 AA:BB",
  "a=mid:data",
  "a=max-message-size:262144",
  "",
].join("\r\n");

Deno.test("an offer with new ICE credentials stands for a restart, and is told from a new peer's", () => {
  const renewed = withIceCredentials(OFFER, { ufrag: UFRAG, pwd: PWD });
  assertEquals(iceCredentials(renewed), { ufrag: UFRAG, pwd: PWD });
  assertStringIncludes(renewed, "o=- 4611731400430051336 3 IN");
  assertEquals(renewed.includes("candidate"), false);
  assertEquals(restartsIce(OFFER, renewed), true);
  assertEquals(restartsIce(OFFER, OFFER), false);
  assertEquals(restartsIce(OFFER, renewed.replace("4611731400430051336", "1")), false);
  assertEquals(restartsIce(OFFER, renewed.replace("AA:BB", "AA:BC")), false);
});

Deno.test("withCandidates puts candidates and their end into the application section", () => {
  const sdp = withCandidates(`${OFFER}m=audio 0 RTP/AVP 0\r\na=mid:a\r\n`, [CANDIDATE]);
  const [, application = "", audio = ""] = sdp.split("m=");
  assertStringIncludes(application, `a=max-message-size:262144\r\na=${CANDIDATE}\r\na=end-of-candidates\r\n`);
  assertEquals(application.includes("candidate:1 1 udp 1 "), false);
  assertEquals(audio, "audio 0 RTP/AVP 0\r\na=mid:a\r\n");
  assertEquals(applicationMid(sdp), "data");
});

Deno.test("maxMessageBytes is what RFC 8841 says, 65536 where nothing is said", () => {
  assertEquals(maxMessageBytes(OFFER), 262_144);
  assertEquals(maxMessageBytes(OFFER.replace("262144", "0")), Infinity);
  assertEquals(maxMessageBytes(OFFER.replace("a=max-message-size:262144\r\n", "")), 65_536);
});

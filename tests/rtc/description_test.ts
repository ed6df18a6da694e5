import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  candidateLines,
  offerProblem,
  placeholderCandidate,
  readCandidate,
  revealCandidates,
} from "../../rtc/description.ts";
import { iceServersFor } from "../../rtc/ice_servers.ts";
import { retransmissionTimeoutS, shortenRetransmission } from "../../rtc/retransmission.ts";
import { RTC_DEFAULTS } from "../../rtc/settings.ts";
import { parseIceServer } from "../../cli/rtc_setting.ts";

const FINGERPRINT = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, "0")).join(":");
const OFFER = [
  "v=0",
  "o=- 1 2 IN IP4 127.0.0.1",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:0123456789012345678901",
  `a=fingerprint:sha-256 ${FINGERPRINT}`,
  "a=candidate:1 1 udp 2113937151 7c1b1a5e-0f0a.local 51472 typ host generation 0",
  "a=candidate:2 1 udp 2113937151 192.0.2.7 51473 typ host",
  "a=candidate:3 1 udp 2113937151 host.example 51474 typ host",
  "",
].join("\r\n");

Deno.test("offerProblem names what an offer lacks, and finds nothing wrong with a browser's", () => {
  assertEquals(offerProblem(OFFER), undefined);
  assertEquals(
    offerProblem(OFFER.replace("9 UDP/DTLS/SCTP webrtc-datachannel", "9 DTLS/SCTP 5000")),
    undefined,
  );
  const without = (part: string) =>
    offerProblem(OFFER.split("\r\n").filter((line) => !line.includes(part)).join("\r\n"));
  assertStringIncludes(without("m=application") ?? "", "no application section");
  assertStringIncludes(without("fingerprint") ?? "", "no fingerprint");
  assertStringIncludes(without("ice-pwd") ?? "", "no ICE credentials");
  assertStringIncludes(offerProblem("hello") ?? "", "not a session description");
  assertStringIncludes(offerProblem(OFFER.replace("sha-256", "sha-1")) ?? "", "no fingerprint");
  assertStringIncludes(offerProblem(`${OFFER}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n`) ?? "", "audio or video");
});

Deno.test("candidates behind names get the address of the connection, and no name is left", () => {
  const revealed = revealCandidates(OFFER, "198.51.100.4");
  assertStringIncludes(revealed, "198.51.100.4 51472 typ host");
  assertStringIncludes(revealed, "192.0.2.7 51473");
  assertEquals(/\.local|host\.example/.test(revealed), false);
});

Deno.test("readCandidate takes the line, the browser's object and the end, and nothing else", () => {
  const candidate = "candidate:1 1 udp 2113937151 192.0.2.7 51472 typ host";
  assertEquals(readCandidate(candidate, "::1"), { candidate, sdpMid: "0", sdpMLineIndex: 0 });
  assertEquals(readCandidate({ candidate, sdpMid: "data", sdpMLineIndex: 0 }, "::1"), {
    candidate,
    sdpMid: "data",
    sdpMLineIndex: 0,
  });
  assertEquals(
    readCandidate({ candidate: candidate.replace("192.0.2.7", "a.local"), sdpMid: "0" }, "192.0.2.9"),
    {
      candidate: candidate.replace("192.0.2.7", "192.0.2.9"),
      sdpMid: "0",
      sdpMLineIndex: 0,
    },
  );
  for (const end of [null, "", { candidate: "" }]) assertEquals(readCandidate(end, "::1"), "end");
  for (
    const other of [
      7,
      {},
      "rubbish",
      `candidate:${"x".repeat(600)}`,
      candidate.replace("192.0.2.7", "a.example"),
    ]
  ) {
    assertEquals(readCandidate(other, "::1"), undefined);
  }
  assertEquals(placeholderCandidate("192.0.2.1").candidate.split(" ")[4], "192.0.2.1");
});

Deno.test("candidateLines adds the addresses by which the machine is reached, of the same family", () => {
  const host = "candidate:1 1 udp 2113937151 10.0.0.5 50001 typ host";
  assertEquals(candidateLines(host, ["203.0.113.9", "2001:db8::9"]), [
    host,
    host.replace("10.0.0.5", "203.0.113.9"),
  ]);
  const relay = "candidate:2 1 udp 16777215 192.0.2.2 60000 typ relay raddr 0.0.0.0 rport 0";
  assertEquals(candidateLines(relay, ["203.0.113.9"]), [relay]);
});

Deno.test("iceServersFor makes credentials that expire, as coturn's use-auth-secret has them", () => {
  const settings = {
    ...RTC_DEFAULTS,
    iceServers: [
      { url: "stun:stun.example:3478" },
      { url: "turn:turn.example:3478" },
      { url: "turn:other.example:3478", username: "u", credential: "p" },
    ],
    turnSecret: "north",
    turnTtlS: 600,
  };
  assertEquals(iceServersFor(settings, "pump-7", 1_700_000_000), [
    { urls: ["stun:stun.example:3478"] },
    // printf '1700000600:pump-7' | openssl dgst -sha1 -hmac north -binary | base64
    {
      urls: ["turn:turn.example:3478"],
      username: "1700000600:pump-7",
      credential: "+565mJ4dSjw/PqIZMrILHl647ew=",
    },
    { urls: ["turn:other.example:3478"], username: "u", credential: "p" },
  ]);
});

Deno.test("parseIceServer reads servers with and without credentials", () => {
  assertEquals(parseIceServer("stun:a.example:3478"), { url: "stun:a.example:3478" });
  assertEquals(parseIceServer("turn:me:pass%40word@a.example:3478?transport=udp"), {
    url: "turn:a.example:3478?transport=udp",
    username: "me",
    credential: "pass@word",
  });
  for (const text of ["http://a", "stun:u:p@a", "turn:"]) assertEquals(parseIceServer(text), undefined);
});

Deno.test("the retransmission timeout follows the round trip where only the bound of a second holds it up", () => {
  assertEquals(retransmissionTimeoutS({}, 3), 3);
  assertEquals(retransmissionTimeoutS({ srtt: 0.05, rttvar: 0.01 }, 1), 0.05 + 0.04 + 0.22);
  assertEquals(retransmissionTimeoutS({ srtt: 0.9, rttvar: 0.2 }, 1.7), 1.7);
  const association = { rto: 3, srtt: 0.05, rttvar: 0.01 };
  shortenRetransmission(association);
  association.rto = 1;
  assertEquals(association.rto < 0.4, true);
  shortenRetransmission({});
});

/**
 * Says in plain words why a session is on its transport, and what would help. Pure, so that the HTTP interface, the
 * command line and the tests agree.
 *
 * @module
 */
import { isIP } from "node:net";
import type { CandidateFacts, LaneFacts, PairFacts, SessionWay } from "../transport/way.ts";
import type { RtcSettings } from "./settings.ts";

/** What of the settings matters for advice. */
export type RtcView = Pick<RtcSettings, "iceServers" | "portRange" | "advertise">;

/** An answer for people. */
export interface Explanation {
  /** Why it is where it is. */
  text: string;
  /** What would help: a firewall's or a setting's line each. Empty where nothing is to be done. */
  advice: string[];
}

/** Explains one session. `rtc` is null where WebRTC is switched off. */
export function explainWay(way: SessionWay, rtc: RtcView | null): Explanation {
  if (way.mode === "raw") {
    return { text: "It is a raw device: what it sends comes over its WebSocket.", advice: [] };
  }
  if (way.transport === "webrtc") return { text: onWebRtc(way), advice: [] };
  if (way.transport === "datachannel") return { text: onControl(way), advice: [] };
  if (way.transport === "mqtt") return { text: "It is an MQTT client; MQTT has no other way.", advice: [] };
  if (!rtc) {
    return {
      text: "WebRTC is switched off here, so everything goes over the WebSocket.",
      advice: ["start the gateway with --rtc-enabled true"],
    };
  }
  const { lane } = way;
  if (!lane) {
    return {
      text:
        "The client has made no offer, so everything goes over the WebSocket: its runtime has no WebRTC, " +
        "or the program switched it off.",
      advice: [
        "in Deno, Bun and Node give the SDK an RTCPeerConnection, such as werift's; browsers have one",
      ],
    };
  }
  switch (lane.stage) {
    case "negotiating":
      return {
        text: "A path for WebRTC is being looked for; until then everything goes over the WebSocket.",
        advice: [],
      };
    case "open":
      return {
        text: `The WebRTC path ${
          pathWords(lane)
        } is open but does not carry: ${way.cause}. It is probed, and taken again when it answers.`,
        advice: way.lost === undefined ? [] : silentAdvice(lane),
      };
    case "over":
      return lane.rejected ? rejectedWords(lane) : lostWords(lane, rtc);
  }
}

function onWebRtc({ lane, roundTripMs, cause }: SessionWay): string {
  const trip = roundTripMs === undefined ? "" : `, round trip ${roundTripMs.toFixed(0)} ms`;
  if (!lane?.selected) return `State goes over WebRTC${trip}: ${cause}.`;
  return `State goes over WebRTC ${pathWords(lane)}${trip}.`;
}

function onControl({ lane }: SessionWay): string {
  const path = lane ? ` ${pathWords(lane)}` : "";
  const state = lane?.stage === "open" ? "its state lane does not carry" : "it has no state lane";
  return `The client has no WebSocket: everything goes over WebRTC${path}, in order, since ${state}.`;
}

/** The selected pair in words. */
function pathWords({ selected }: LaneFacts): string {
  if (!selected) return "";
  const { local, remote } = selected;
  const relay = local.type === "relay" ? local : remote.type === "relay" ? remote : undefined;
  const addresses = `${place(local)} – ${place(remote)}`;
  if (relay) return `through the TURN server's relay at ${relay.address} (${addresses})`;
  const natted = [local, remote].some(({ type }) => type === "srflx" || type === "prflx");
  return natted ? `directly, through a NAT (${addresses})` : `directly (${addresses})`;
}

function place({ type, protocol, address, port }: CandidateFacts): string {
  const host = isIP(address) === 6 ? `[${address}]` : address;
  return `${type} ${protocol} ${host}:${port}`;
}

function silentAdvice({ selected }: LaneFacts): string[] {
  if (!selected) return [];
  return [
    `see whether a firewall dropped UDP between ${selected.local.address} and ${selected.remote.address} after it had let it through`,
  ];
}

function rejectedWords({ cause = "no reason given" }: LaneFacts): Explanation {
  const text = `The gateway turned the offer down: ${cause}. Everything goes over the WebSocket.`;
  if (/limit of \d+ WebRTC peers/.test(cause)) {
    return { text, advice: ["fewer clients at a time, or a gateway for some of them"] };
  }
  if (/unfinished/.test(cause)) return { text, advice: ["wait: the client tries again by itself"] };
  return {
    text,
    advice: ["let the client use the SDK, or make an offer as docs/PROTOCOL.md section 17 says"],
  };
}

function lostWords(lane: LaneFacts, rtc: RtcView): Explanation {
  const { pairs, remote, cause = "unknown" } = lane;
  if (lane.selected || pairs.some(({ state }) => state === "answered")) {
    return {
      text: `A WebRTC path was found and is over: ${cause}. The client makes a new offer by itself.`,
      advice: [],
    };
  }
  const text = `No path for WebRTC was found: ${cause}. `;
  if (remote.length === 0) {
    return {
      text:
        `${text}The client named no address of its own: its browser, an extension or a policy hides them all.`,
      advice: [
        "look into the browser's WebRTC policy (WebRtcIPHandling), and at extensions that block WebRTC",
        ...turnAdvice(rtc),
      ],
    };
  }
  const heard = pairs.find((pair) => pair.heard);
  return heard
    ? { text: text + oneWay(heard), advice: [firewall("out of", heard), ...turnAdvice(rtc)] }
    : { text: text + nothingHeard(lane, rtc), advice: [...inbound(lane, rtc), ...turnAdvice(rtc)] };
}

function oneWay({ local, remote }: PairFacts): string {
  return `The client's checks reach the gateway (${place(remote)} to ${
    place(local)
  }), but no answer comes back to it.`;
}

function firewall(direction: string, { local, remote }: PairFacts): string {
  return `let UDP ${direction} ${local.address} to ${remote.address} through the firewalls between them`;
}

function nothingHeard({ local, remote, pairs }: LaneFacts, rtc: RtcView): string {
  const tried = pairs.length === 1 ? "the one pair" : `any of the ${pairs.length} pairs`;
  const words = `Nothing of the client was heard on ${tried} that were tried. `;
  const unreachable = local.every(({ address }) => isPrivate(address)) &&
    remote.some(({ address }) => !isPrivate(address)) && rtc.advertise.length === 0;
  return words +
    (unreachable
      ? "The gateway only has private addresses, and the client is outside of its network."
      : "UDP between them is blocked.");
}

function inbound({ local, remote }: LaneFacts, { portRange, advertise }: RtcView): string[] {
  const advice: string[] = [];
  const ports = portRange
    ? `UDP ports ${portRange[0]} to ${portRange[1]}`
    : "UDP (all ports; --rtc-port-range bounds them)";
  const hosts = local.filter(({ type }) => type === "host").map(({ address }) => address);
  advice.push(`let ${ports} in to ${[...new Set([...hosts, ...advertise])].join(", ") || "the gateway"}`);
  const outside = remote.some(({ address }) => !isPrivate(address));
  if (outside && hosts.every(isPrivate) && advertise.length === 0) {
    advice.push("forward these ports on the router, and name its public address: --rtc-advertise ADDRESS");
  }
  return advice;
}

function turnAdvice({ iceServers }: RtcView): string[] {
  return iceServers.some(({ url }) => /^turns?:/i.test(url))
    ? ["see with `tidegate doctor ice` whether the TURN server lets both sides in"]
    : [
      "where UDP cannot be let through, give both a TURN server: --rtc-ice-servers turn:HOST:3478 --rtc-turn-secret SECRET",
    ];
}

/** Whether an address is reached from its own network only (RFC 1918, 4193, 3927, 6598, loopback). */
export function isPrivate(address: string): boolean {
  if (isIP(address) === 6) return /^(::1$|f[cd]|fe[89ab])/i.test(address);
  return /^(10\.|127\.|169\.254\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/
    .test(
      address,
    );
}

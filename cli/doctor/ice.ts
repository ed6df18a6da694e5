/**
 * The checks of `doctor ice`: whether peers can reach this machine by UDP as far as that shows from here.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { isPrivate } from "../../rtc/explain.ts";
import { chosenAddresses } from "../../rtc/host_addresses.ts";
import { iceServersFor } from "../../rtc/ice_servers.ts";
import type { IceServer, RtcSettings } from "../../rtc/settings.ts";
import { messageOf } from "../errors.ts";
import type { Finding } from "./finding.ts";
import { askStun, askTurn, iceAddress } from "./stun.ts";

/** More ports than this are not tried one by one: so many spread over the range tell as much. */
const PORTS_TRIED = 64;

/** Every finding about the settings in the section `rtc`; null says that WebRTC is switched off. */
export async function checkIce(rtc: RtcSettings | null): Promise<Finding[]> {
  if (!rtc) {
    return [{
      check: "webrtc",
      status: "warn",
      message: "is switched off: every session stays on its WebSocket",
      advice: "start the gateway with --rtc-enabled true",
    }];
  }
  const own = ownAddresses();
  const servers = rtc.iceServers.length === 0
    ? [noServers()]
    : await Promise.all(rtc.iceServers.map((server) => checkServer(server, rtc, own)));
  const named = { ...rtc, addresses: rtc.addresses.flatMap(addressesOf) };
  return [await checkPorts(named), ...checkAddresses(named, own), ...servers];
}

function noServers(): Finding {
  return {
    check: "turn",
    status: "ok",
    message:
      "no STUN or TURN server is configured: clients that cannot send UDP to this machine stay on their WebSocket",
  };
}

/** The addresses of an interface; an address, or a name that no interface has, is itself. */
function addressesOf(entry: string): string[] {
  const addresses = chosenAddresses([entry], networkInterfaces());
  return addresses.length === 0 ? [entry] : addresses;
}

/** Addresses of this machine that peers can be given: not its loopback, nor those that hold on one link only. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((some) => some ?? [])
    .filter(({ internal, address }) => !internal && !/^fe80:/i.test(address)).map(({ address }) => address);
}

/** Whether UDP ports can be had: those of the range, or any. */
export async function checkPorts(
  { portRange, addresses }: Pick<RtcSettings, "portRange" | "addresses">,
): Promise<Finding> {
  const [first, last] = portRange ?? [0, 0];
  const step = Math.max(1, Math.ceil((last - first + 1) / PORTS_TRIED));
  let tried = 0;
  let free = 0;
  let problem = "";
  for (let port = first; port <= last; port += step) {
    tried++;
    const error = await bind(port, addresses[0]);
    if (error) problem = messageOf(error);
    else free++;
  }
  const where = portRange ? `of ${tried} UDP ports tried between ${first} and ${last}` : "UDP port";
  if (free === tried) {
    return {
      check: "udp",
      status: "ok",
      message: portRange ? `all ${where} can be used` : "a port can be used",
    };
  }
  if (free > 0) {
    // a gateway that runs has some of them
    return { check: "udp", status: "ok", message: `${free} ${where} are free` };
  }
  return {
    check: "udp",
    status: "fail",
    message: `none ${where} can be used: ${problem}`,
    advice:
      "give --rtc-port-range ports that no other program has, or more of them: each peer takes one for each address",
  };
}

/** Takes a port for a moment; the error when that does not work. */
function bind(port: number, address: string | undefined): Promise<Error | undefined> {
  return new Promise((settle) => {
    const socket = createSocket(address !== undefined && isIP(address) === 6 ? "udp6" : "udp4");
    socket.once("error", (error) => {
      socket.close();
      settle(error);
    });
    socket.bind({ port, ...(address === undefined ? {} : { address }), exclusive: true }, () => {
      socket.close(() => settle(undefined));
    });
  });
}

/** Whether the addresses that peers are told can be theirs to use. */
export function checkAddresses(
  { addresses, advertise }: Pick<RtcSettings, "addresses" | "advertise">,
  own: readonly string[],
): Finding[] {
  const findings: Finding[] = [];
  const strange = addresses.filter((address) => !own.includes(address) && !/^(127\.|::1$)/.test(address));
  if (strange.length > 0) {
    findings.push({
      check: "addresses",
      status: "fail",
      message: `${strange.join(", ")} of --rtc-addresses ${
        strange.length === 1 ? "is" : "are"
      } none of this machine's: ${own.join(", ") || "it has none"}`,
      advice: "name addresses of this machine; one that a router has belongs into --rtc-advertise",
    });
  }
  for (const address of advertise) {
    const message = own.includes(address)
      ? `${address} of --rtc-advertise is this machine's own, which peers are told anyway`
      : isPrivate(address)
      ? `${address} of --rtc-advertise is reached from its own network only`
      : undefined;
    if (message) findings.push({ check: "addresses", status: "warn", message });
  }
  if (findings.length > 0) return findings;
  const told = [...(addresses.length > 0 ? addresses : own), ...advertise];
  return [
    told.length === 0
      ? {
        check: "addresses",
        status: "fail",
        message: "this machine has no address but its loopback, so no peer from outside finds it",
        advice: "connect it to a network, or name its address outside: --rtc-advertise ADDRESS",
      }
      : { check: "addresses", status: "ok", message: `peers are told ${told.join(", ")}` },
  ];
}

/** Asks one server as a peer would. */
async function checkServer(server: IceServer, rtc: RtcSettings, own: readonly string[]): Promise<Finding> {
  const { url } = server;
  const check = /^turn/i.test(url) ? "turn" : "stun";
  try {
    const address = iceAddress(url);
    if (!address.relay) {
      const seen = await askStun(address);
      const near = [...own, "127.0.0.1", "::1"];
      const direct = near.some((one) => seen.startsWith(`${one}:`) || seen.startsWith(`[${one}]:`));
      return {
        check,
        status: "ok",
        message: `${url} answers and sees us as ${seen}${direct ? "" : ", behind a NAT"}`,
      };
    }
    const [{ username, credential } = {}] = iceServersFor({ ...rtc, iceServers: [server] }, "doctor");
    const relay = await askTurn(
      address,
      username === undefined || credential === undefined ? undefined : { username, password: credential },
    );
    return { check, status: "ok", message: `${url} lets us in and gave us the relay ${relay}` };
  } catch (error) {
    return {
      check,
      status: "fail",
      message: `${url}: ${messageOf(error)}`,
      advice: adviceOf(messageOf(error), server),
    };
  }
}

function adviceOf(message: string, { url }: IceServer): string {
  if (/refuses: 401|refuses: 403|wants credentials/.test(message)) {
    return "compare --rtc-turn-secret with the server's static-auth-secret, or user and password in the URL; clocks " +
      "must agree where credentials expire";
  }
  if (/refuses/.test(message)) return "see the log of the TURN server";
  const { transport, host, port } = iceAddress(url);
  return `see whether it runs, and let ${transport === "udp" ? "UDP" : "TCP"} to ${host}:${port} out`;
}

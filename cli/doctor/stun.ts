/**
 * Asks STUN and TURN servers whether they would serve a peer.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIPv6, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import {
  readAddress,
  readError,
  readStun,
  STUN_ATTRIBUTE,
  STUN_TYPE,
  type StunCredentials,
  stunLength,
  type StunMessage,
  writeStun,
} from "./stun_message.ts";

/** Longest wait for one answer, in milliseconds. */
const ANSWER_WITHIN_MS = 3_000;

/** When a datagram that is not answered is sent again, in milliseconds (RFC 8489 section 6.2.1). */
const AGAIN_MS = [500, 1_500] as const;

/** The protocol that a relay carries: UDP (RFC 8656 section 18.8). */
const RELAY_UDP = Buffer.from([17, 0, 0, 0]);

/** Where a server is, from its URL. */
export interface IceAddress {
  relay: boolean;
  transport: "udp" | "tcp" | "tls";
  host: string;
  port: number;
}

/** Reads `stun:host:port`, `turn:host:port?transport=tcp` and so on, as they are configured. */
export function iceAddress(url: string): IceAddress {
  const match = /^(stuns?|turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/i.exec(url);
  if (!match) throw new Error(`${url} is not the address of a STUN or TURN server`);
  const [, scheme = "", host = "", port, transport = "udp"] = match;
  const secure = scheme.toLowerCase().endsWith("s");
  return {
    relay: /^turn/i.test(scheme),
    transport: secure ? "tls" : transport.toLowerCase() === "tcp" ? "tcp" : "udp",
    host: host.replace(/^\[(.*)\]$/, "$1"),
    port: port === undefined ? secure ? 5_349 : 3_478 : Number(port),
  };
}

/** Sends requests to one server, one after the other. */
interface Way {
  ask(request: Buffer): Promise<StunMessage>;
  close(): void;
}

/**
 * Asks for our address as the server sees it.
 *
 * @throws with the reason when there is no answer.
 */
export async function askStun(server: IceAddress): Promise<string> {
  using way = await open(server);
  const answer = await way.ask(writeStun(STUN_TYPE.binding, []));
  const address = readAddress(answer, STUN_ATTRIBUTE.mappedAddress);
  if (address === undefined) throw new Error("its answer names no address");
  return address;
}

/**
 * Allocates a relay with these credentials, and gives it back.
 *
 * @returns Address of the relay.
 * @throws with the reason when there is no answer, or the server refuses.
 */
export async function askTurn(
  server: IceAddress,
  account: { username: string; password: string } | undefined,
): Promise<string> {
  using way = await open(server);
  const transport = [STUN_ATTRIBUTE.requestedTransport, RELAY_UDP] as const;
  const first = await way.ask(writeStun(STUN_TYPE.allocate, [transport]));
  if (first.type === STUN_TYPE.allocateSuccess) return relayOf(first); // it lets everybody in
  const realm = first.attributes.get(STUN_ATTRIBUTE.realm);
  const nonce = first.attributes.get(STUN_ATTRIBUTE.nonce);
  if (!realm || !nonce) throw refusal(first);
  if (!account) throw new Error("it wants credentials, and none are configured");
  const credentials: StunCredentials = { ...account, realm: realm.toString() };
  const proof = [
    [STUN_ATTRIBUTE.username, Buffer.from(account.username)],
    [STUN_ATTRIBUTE.realm, realm],
    [STUN_ATTRIBUTE.nonce, nonce],
  ] as const;
  const answer = await way.ask(writeStun(STUN_TYPE.allocate, [transport, ...proof], credentials));
  if (answer.type !== STUN_TYPE.allocateSuccess) throw refusal(answer);
  const end = [STUN_ATTRIBUTE.lifetime, Buffer.alloc(4)] as const;
  await way.ask(writeStun(STUN_TYPE.refresh, [end, ...proof], credentials)).catch(() => {});
  return relayOf(answer);
}

function relayOf(answer: StunMessage): string {
  return readAddress(answer, STUN_ATTRIBUTE.relayedAddress) ?? "an address that it does not name";
}

function refusal(message: StunMessage): Error {
  const error = readError(message);
  if (!error) return new Error("it does not speak TURN");
  return new Error(`it refuses: ${error.code} ${error.reason}`.trim());
}

async function open(server: IceAddress): Promise<Way & Disposable> {
  const way = server.transport === "udp" ? await overUdp(server) : await overStream(server);
  return { ...way, [Symbol.dispose]: () => way.close() };
}

async function overUdp({ host, port }: IceAddress): Promise<Way> {
  const { address } = await lookup(host);
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  let settle: { take: (message: StunMessage) => void; fail: (error: Error) => void } | undefined;
  socket.on("message", (bytes) => {
    const message = readStun(bytes);
    if (message) settle?.take(message);
  });
  socket.on("error", (error) => settle?.fail(error));
  return {
    ask(request) {
      const send = () =>
        socket.send(request, port, address, (error) => {
          if (error) settle?.fail(error);
        });
      const timers = AGAIN_MS.map((ms) => setTimeout(send, ms));
      return answered((take, fail) => {
        settle = { take, fail };
        send();
      }, request).finally(() => timers.forEach(clearTimeout));
    },
    close: () => socket.close(),
  };
}

async function overStream({ host, port, transport }: IceAddress): Promise<Way> {
  let socket!: Socket;
  const opened = new Promise<void>((resolve, reject) => {
    socket = transport === "tls"
      ? connectTls({ host, port, ...(isIPv6(host) ? {} : { servername: host }) }, resolve)
      : connectTcp({ host, port }, resolve);
    socket.once("error", reject);
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error(nothing())));
  });
  await opened;
  let bytes = Buffer.alloc(0);
  let settle: { take: (message: StunMessage) => void; fail: (error: Error) => void } | undefined;
  socket.on("data", (more: Uint8Array) => {
    bytes = Buffer.concat([bytes, more]);
    const length = stunLength(bytes);
    if (length === undefined || bytes.length < length) return;
    const message = readStun(bytes.subarray(0, length));
    bytes = bytes.subarray(length);
    if (message) settle?.take(message);
  });
  socket.on("error", (error) => settle?.fail(error));
  socket.on("close", () => settle?.fail(new Error("it closed the connection")));
  return {
    ask: (request) =>
      answered((take, fail) => {
        settle = { take, fail };
        socket.write(request);
      }, request),
    close: () => void socket.destroy(),
  };
}

/** Waits for the answer to `request`. */
function answered(
  begin: (take: (message: StunMessage) => void, fail: (error: Error) => void) => void,
  request: Buffer,
): Promise<StunMessage> {
  const transaction = request.subarray(8, 20);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(nothing())), ANSWER_WITHIN_MS);
    const done = (finish: () => void) => (clearTimeout(timer), finish());
    begin(
      (message) => transaction.equals(message.transaction) && done(() => resolve(message)),
      (error) => done(() => reject(error)),
    );
  });
}

function nothing(): string {
  return `nothing was heard for ${ANSWER_WITHIN_MS / 1_000} s`;
}

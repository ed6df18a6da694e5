/**
 * The one table of close codes: why a connection ended and whether to come back.
 * Codes below 4000 are RFC 6455 section 7.4.1's; 4000–4499 say "reconnect", 4500–4999 "do not, until something changes".
 *
 * @module
 */

/** What a close code means and what the peer should do. */
export interface CloseCode {
  /** WebSocket close code. */
  readonly code: number;
  /** Machine-readable name, used in counters, session records and `bye`. */
  readonly name: string;
  /** Whether the peer should connect again (with backoff). */
  readonly reconnect: boolean;
  /** One sentence for the person who has to act. */
  readonly meaning: string;
}

/** Every code that the gateway closes with. */
export const CLOSE = {
  normal: {
    code: 1000,
    name: "normal",
    reconnect: false,
    meaning: "The peer said bye, or was asked to end.",
  },
  goingAway: { code: 1001, name: "going_away", reconnect: true, meaning: "The gateway is shutting down." },
  messageTooLarge: {
    code: 1009,
    name: "message_too_large",
    reconnect: false,
    meaning: "A message was larger than `limits.maxMessageBytes`.",
  },
  idle: {
    code: 4000,
    name: "idle",
    reconnect: true,
    meaning: "Nothing was heard for `limits.idleTimeoutMs`.",
  },
  replaced: {
    code: 4001,
    name: "replaced",
    reconnect: false,
    meaning: "The same session was taken up on a newer connection.",
  },
  overloaded: {
    code: 4002,
    name: "overloaded",
    reconnect: true,
    meaning: "The gateway cannot record at this rate now; unacknowledged events must be sent again.",
  },
  slowConsumer: {
    code: 4003,
    name: "slow_consumer",
    reconnect: true,
    meaning: "The peer read nothing for too long while data was waiting for it.",
  },
  helloTimeout: {
    code: 4004,
    name: "hello_timeout",
    reconnect: true,
    meaning: "No `hello` arrived within `HELLO_TIMEOUT_MS` of the upgrade.",
  },
  internal: {
    code: 4005,
    name: "internal",
    reconnect: true,
    meaning: "A fault of the gateway's own; see its log.",
  },
  badFrame: {
    code: 4500,
    name: "bad_frame",
    reconnect: false,
    meaning: "A binary message is not a valid frame of protocol version 1.",
  },
  badMessage: {
    code: 4501,
    name: "bad_message",
    reconnect: false,
    meaning: "A text message is not a valid control message.",
  },
  protocolOrder: {
    code: 4502,
    name: "protocol_order",
    reconnect: false,
    meaning: "A message came at a time when it is not allowed, such as data before `hello`.",
  },
  unknownChannel: {
    code: 4503,
    name: "unknown_channel",
    reconnect: false,
    meaning: "A sample names a channel that was not advertised.",
  },
  unauthorized: {
    code: 4504,
    name: "unauthorized",
    reconnect: false,
    meaning: "The token is missing, unknown, expired or revoked.",
  },
  forbidden: { code: 4505, name: "forbidden", reconnect: false, meaning: "The token does not allow this." },
  limitExceeded: {
    code: 4506,
    name: "limit_exceeded",
    reconnect: false,
    meaning: "A limit announced in `welcome` was exceeded.",
  },
  rejected: {
    code: 4507,
    name: "rejected",
    reconnect: false,
    meaning: "An operator turned the enrolment down.",
  },
} as const satisfies Record<string, CloseCode>;

/** The close code with this number, if it is one of ours. */
export function closeCode(code: number): CloseCode | undefined {
  return Object.values(CLOSE).find((entry) => entry.code === code);
}

/**
 * Codes with which a WebSocket implementation itself ends a connection on a peer that breaks RFC 6455: coming
 * back would break it again.
 */
const WEBSOCKET_FAULTS: readonly number[] = [1002, 1003, 1007, 1010];

/**
 * Whether to connect again after a connection ended with `code`, known or not: codes of later versions follow
 * the ranges of this one, and what the network did (1005, 1006, 1011 …) passes.
 */
export function shouldReconnect(code: number): boolean {
  const known = closeCode(code);
  if (known) return known.reconnect;
  return !WEBSOCKET_FAULTS.includes(code) && code < 4500;
}

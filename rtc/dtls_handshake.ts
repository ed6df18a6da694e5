/**
 * What werift's DTLS does with handshake messages that come twice, with the numbers of its records, and with
 * signatures (see `dtls_proof.ts`).
 *
 * A peer that waits for our answer sends its last messages again: Google's WebRTC after 50 ms already, which a busy
 * gateway or a link with such a round trip takes. werift 0.25 as client answers each repeated ServerHelloDone, and one
 * that it takes up after the server's Finished has it make new keys in a session that is open: neither side can
 * decrypt anything any more. A repeated HelloVerifyRequest ends the handshake. As server it makes new keys for a
 * repeated ClientHello, and begins anew for one in an open session; and a repeated ClientKeyExchange makes keys once
 * more, others than before, since they hang on all messages until then, CertificateVerify included by now. So messages
 * of a flight that has been answered, or which have been taken up, are dropped; the answer is repeated by werift's own
 * timer, and for a repeated Finished.
 *
 * Its first records of data bear the numbers that it has used in the same epoch before: the one with Finished's number
 * is encrypted with the same nonce, which AES-GCM does not survive (RFC 5288 section 3), and receivers drop it as
 * replayed (RFC 6347 section 4.1.2.6). So data begins behind.
 *
 * @module
 */
import type { RTCDtlsTransport } from "werift";
import { provesClient, provesServer } from "./dtls_proof.ts";

/** Types of handshake messages (RFC 5246 section 7.4, RFC 6347 section 4.3.2). */
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const HELLO_VERIFY_REQUEST = 3;
const CERTIFICATE = 11;
const SERVER_KEY_EXCHANGE = 12;
const CERTIFICATE_REQUEST = 13;
const SERVER_HELLO_DONE = 14;
const CERTIFICATE_VERIFY = 15;
const CLIENT_KEY_EXCHANGE = 16;

/** What a server sends in its fourth flight. */
const FLIGHT_4 = new Set([
  SERVER_HELLO,
  CERTIFICATE,
  SERVER_KEY_EXCHANGE,
  CERTIFICATE_REQUEST,
  SERVER_HELLO_DONE,
]);

/** What a client sends in its fifth flight, but for Finished. */
const FLIGHT_5 = new Set([CERTIFICATE, CLIENT_KEY_EXCHANGE, CERTIFICATE_VERIFY]);

/** Where the number of data's first record is: a handshake with all its repetitions takes fewer. */
const FIRST_DATA_RECORD = 256;

/** Where the length of a ClientHello's session id is; that of its cookie follows (RFC 6347 section 4.2.1). */
const SESSION_ID_AT = 34;

/** A message of a handshake, as far as it is looked at. */
export interface HandshakeMessage {
  msg_type: number;
  fragment: Uint8Array;
}

/** How far a handshake is, as werift has it. */
interface Progress {
  /** The flight that this side has sent last: odd for a client, even for a server. */
  flight: number;
  /** Messages that were sent and taken up, by their flight. */
  handshakeCache: Partial<Record<number, { data: readonly HandshakeMessage[] }>>;
}

/** Whether a message belongs to a flight that has been answered, or has been taken up. */
export function isAnswered(
  { msg_type, fragment }: HandshakeMessage,
  { flight, handshakeCache }: Progress,
): boolean {
  if (flight % 2 === 1) {
    return msg_type === HELLO_VERIFY_REQUEST ? flight >= 3 : flight >= 5 && FLIGHT_4.has(msg_type);
  }
  if (FLIGHT_5.has(msg_type)) {
    return handshakeCache[5]?.data.some((one) => one.msg_type === msg_type) ?? false;
  }
  if (msg_type !== CLIENT_HELLO) return false;
  const first = fragment[SESSION_ID_AT + 1 + (fragment[SESSION_ID_AT] ?? 0)] === 0; // without a cookie
  return flight >= 6 || flight >= 4 && first;
}

/**
 * Has a DTLS transport that has not begun yet mind what is said above.
 *
 * @param forged The handshake is done, and the peer does not have the key of its certificate.
 */
export function mendHandshake(transport: RTCDtlsTransport, forged: () => void): void {
  let exchange: Uint8Array | undefined;
  transport.onStateChange.subscribe((state) => {
    const { dtls } = transport;
    // the socket is made right after this is told
    if (state === "connecting") queueMicrotask(() => dropAnswered(transport, (taken) => exchange = taken));
    if (state !== "connected" || !dtls) return;
    dtls.dtls.recordSequenceNumber = Math.max(dtls.dtls.recordSequenceNumber, FIRST_DATA_RECORD);
    if (!(transport.role === "client" ? provesServer(dtls, exchange) : provesClient(dtls))) forged();
  });
}

/** @param exchanges Told of each ServerKeyExchange that is taken up. */
function dropAnswered({ dtls }: RTCDtlsTransport, exchanges: (exchange: Uint8Array) => void): void {
  if (!dtls) return;
  const handle = dtls.onHandleHandshakes;
  dtls.onHandleHandshakes = (messages) => {
    const fresh = messages.filter((message) => !isAnswered(message, dtls.dtls));
    for (const { msg_type, fragment } of fresh) {
      if (msg_type === SERVER_KEY_EXCHANGE) exchanges(fragment);
    }
    return fresh.length === 0 ? Promise.resolve() : handle(fresh);
  };
}

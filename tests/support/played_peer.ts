/**
 * A transport in memory: what the session sends is kept for the test to read, and how much waits to leave is for
 * the test to say.
 *
 * @module
 */
import { BatchReader, FRAME } from "../../protocol/batch.ts";
import { decodeAck } from "../../protocol/ack.ts";
import type { CloseCode } from "../../protocol/close_codes.ts";
import type {
  BroadcastGroup,
  Transport,
  TransportHandlers,
  TransportKind,
} from "../../transport/transport.ts";

/** A sample that the peer has received. */
export interface ReceivedSample {
  feed: number;
  channel: number;
  offset: number;
  timeUs: number;
  recorded: boolean;
  payload: number[];
}

/** One message as the peer sees it. */
export type Received =
  | { kind: "text"; message: { type: string; [key: string]: unknown } }
  | { kind: "batch"; samples: ReceivedSample[] }
  | { kind: "ack"; acks: { channel: number; sequence: number }[] };

/** The gateway's end of a connection; the test plays the peer. */
export class PlayedPeer implements Transport {
  readonly kind: TransportKind = "websocket";
  readonly traffic = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };
  /** Everything sent to the peer, in order. */
  readonly received: Received[] = [];
  /** How the gateway closed it. */
  closedWith: { code: CloseCode; reason: string } | undefined;
  bufferedBytes = 0;
  open = true;
  /** false: `send` refuses. */
  accepting = true;
  handlers!: TransportHandlers;

  constructor(readonly remote = "192.0.2.1:1000") {}

  send(message: string | Uint8Array): boolean {
    if (!this.open || !this.accepting) return false;
    this.traffic.framesOut++;
    this.traffic.bytesOut += message.length;
    this.received.push(
      typeof message === "string" ? { kind: "text", message: JSON.parse(message) } : frame(message),
    );
    return true;
  }

  close(code: CloseCode, reason = ""): void {
    if (!this.open) return;
    this.open = false;
    this.closedWith = { code, reason };
    this.handlers.closed({ code: code.code, reason });
  }

  /** The peer says something. */
  say(message: object | Uint8Array): void {
    if (!this.open) return;
    this.traffic.framesIn++;
    if (message instanceof Uint8Array) this.handlers.binary(message);
    else this.handlers.text(JSON.stringify(message));
  }

  /** The line breaks. */
  cut(): void {
    if (!this.open) return;
    this.open = false;
    this.handlers.closed({ code: 1006, reason: "" });
  }

  /** Messages of a type, oldest first. */
  texts(type: string): { type: string; [key: string]: unknown }[] {
    return this.received.flatMap((one) =>
      one.kind === "text" && one.message.type === type ? [one.message] : []
    );
  }

  /** Samples received, oldest first. */
  get samples(): ReceivedSample[] {
    return this.received.flatMap((one) => one.kind === "batch" ? one.samples : []);
  }

  /** Acknowledgements received, oldest first. */
  get acks(): { channel: number; sequence: number }[] {
    return this.received.flatMap((one) => one.kind === "ack" ? one.acks : []);
  }
}

function frame(bytes: Uint8Array): Received {
  if (bytes[0] === FRAME.ack) return { kind: "ack", acks: decodeAck(bytes) };
  const reader = new BatchReader();
  reader.open(bytes);
  const samples: ReceivedSample[] = [];
  while (reader.next()) {
    const { feed, channel, sequence: offset, timeUs, recorded, start, end } = reader;
    samples.push({ feed, channel, offset, timeUs, recorded, payload: [...bytes.subarray(start, end)] });
  }
  return { kind: "batch", samples };
}

/** A group that loops. */
export class PlayedGroup implements BroadcastGroup {
  #members = new Set<Transport>();

  get size(): number {
    return this.#members.size;
  }

  add(transport: Transport): void {
    this.#members.add(transport);
  }

  delete(transport: Transport): void {
    this.#members.delete(transport);
  }

  send(message: Uint8Array): readonly Transport[] {
    return [...this.#members].filter((member) => !member.send(message));
  }
}

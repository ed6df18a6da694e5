/**
 * A short way for the packets of an open session.
 *
 * werift 0.25 takes each packet through some ten objects, as many promises and copies: a message costs several times
 * what encrypting and sending it takes. Once DTLS and SCTP are up nearly all packets are data and acknowledgements;
 * those are written and read here, in one go, and everything else goes werift's way, whose state both share. An
 * acknowledgement waits a moment for data to travel with (RFC 9260 section 6.2), where werift sends a packet for each
 * of the peer's.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { RTCDtlsTransport, RTCPeerConnection } from "werift";
import { isReadableCipher, RecordReader, RecordWriter } from "./dtls_records.ts";
import { webRtc } from "./library.ts";
import {
  DATA,
  type DataChunk,
  packetBytes,
  readPacket,
  SACK,
  type SackChunk,
  writePacket,
} from "./sctp_packets.ts";

/** How long an acknowledgement waits for data to travel with, in milliseconds; RFC 9260 allows 200. */
const ACKNOWLEDGE_WITHIN_MS = 50;

/** Packets of the peer's after which an acknowledgement waits no longer (RFC 9260 section 6.2). */
const PACKETS_PER_ACKNOWLEDGEMENT = 2;

const DONE = Promise.resolve();

/** werift's SCTP association, as far as it is shared. */
interface Association {
  readonly state: string;
  readonly mtu: number;
  readonly isStopped: boolean;
  localPort: number;
  remotePort: number;
  localVerificationTag: number;
  remoteVerificationTag: number;
  lastReceivedTsn: number;
  advertisedRwnd: number;
  sackNeeded: boolean;
  sackImmediate: boolean;
  sackHasNewDataInPacket: boolean;
  sackPacketCount: number;
  sackDuplicates: number[];
  sackMisOrdered: Set<number>;
  sackTimeout: ReturnType<typeof setTimeout> | undefined;
  sendSack(): Promise<void>;
  sendChunk(chunk: { type: number }): Promise<void>;
  scheduleSack(): Promise<void>;
  handleData(packet: Buffer): Promise<void>;
  receiveDataChunk(chunk: DataChunk): void;
  receiveSackChunk(chunk: SackChunk): Promise<void>;
}

const METHODS = [
  "sendSack",
  "sendChunk",
  "scheduleSack",
  "handleData",
  "receiveDataChunk",
  "receiveSackChunk",
] as const;

function isAssociation(value: object): value is Association {
  return METHODS.every((name) => typeof Reflect.get(value, name) === "function") &&
    "sackMisOrdered" in value &&
    "mtu" in value;
}

/** What the ways of one connection's packets have in common. */
interface Session {
  association: Association;
  dtls: NonNullable<RTCDtlsTransport["dtls"]>;
  transport: RTCDtlsTransport;
  writer: RecordWriter;
  reader: RecordReader;
}

/** The short way of one peer connection. */
export class ShortWay {
  readonly #connection: RTCPeerConnection;
  readonly #session: Session;
  readonly #werifts: (chunk: { type: number }) => Promise<void>;
  readonly #packet: Buffer;

  /** Opens it, once a data channel is open; undefined where it does not fit: then all goes werift's way. */
  static open(connection: RTCPeerConnection): ShortWay | undefined {
    const transport = connection.dtlsTransports[0];
    const association: object | undefined = connection.sctp?.sctp;
    const dtls = transport?.dtls;
    const cipher = dtls?.cipher.cipher;
    if (!transport || !dtls || !cipher || !association || !isAssociation(association)) return undefined;
    const { blockAlgorithm: algorithm, clientWriteKey, clientNonce, serverWriteKey, serverNonce } = cipher;
    if (!isReadableCipher(algorithm)) return undefined;
    if (!clientWriteKey || !clientNonce || !serverWriteKey || !serverNonce) return undefined;
    const client = { algorithm, key: clientWriteKey, implicitNonce: clientNonce };
    const server = { algorithm, key: serverWriteKey, implicitNonce: serverNonce };
    const [own, peers] = transport.role === "client" ? [client, server] : [server, client];
    const [writer, reader] = [new RecordWriter(own), new RecordReader(peers)];
    return new ShortWay(connection, { association, dtls, transport, writer, reader });
  }

  private constructor(connection: RTCPeerConnection, session: Session) {
    const { association } = session;
    this.#connection = connection;
    this.#session = session;
    this.#packet = Buffer.alloc(association.mtu);
    this.#werifts = association.sendChunk.bind(association);
    association.sendChunk = (chunk) => this.#send(chunk);
    association.scheduleSack = () => this.#acknowledgeSoon();
  }

  /** Takes a datagram; false when it is nothing for this way. */
  receive(datagram: Uint8Array): boolean {
    const { association, dtls, transport, reader } = this.#session;
    if (transport.state !== "connected" || !reader.takes(datagram, dtls.dtls.epoch)) return false;
    const packet = reader.read(datagram);
    if (!packet || association.isStopped) return true;
    const chunks = readPacket(packet, association.localVerificationTag, webRtc().crc32c);
    const work = chunks ? this.#take(chunks) : association.handleData(packet);
    work.catch(() => {}); // not SCTP, or not in this state: the peer's fault, and as good as lost
    return true;
  }

  async #take(chunks: readonly (DataChunk | SackChunk)[]): Promise<void> {
    const { association } = this.#session;
    association.sackHasNewDataInPacket = false;
    for (const chunk of chunks) {
      if (chunk.type === DATA) association.receiveDataChunk(chunk);
      else await association.receiveSackChunk(chunk);
    }
    if (!association.sackNeeded) return;
    if (association.sackHasNewDataInPacket) association.sackPacketCount++;
    await association.scheduleSack();
  }

  #acknowledgeSoon(): Promise<void> {
    const { association } = this.#session;
    if (association.isStopped || !association.sackNeeded) return DONE;
    if (!this.#isPlain() || association.sackPacketCount >= PACKETS_PER_ACKNOWLEDGEMENT) {
      clearTimeout(association.sackTimeout);
      association.sackTimeout = undefined;
      return association.sendSack();
    }
    association.sackTimeout ??= setTimeout(() => {
      association.sackTimeout = undefined;
      void association.sendSack();
    }, ACKNOWLEDGE_WITHIN_MS);
    return DONE;
  }

  /** Whether all has come in order and once: then an acknowledgement is one number, and not urgent. */
  #isPlain(): boolean {
    const { sackMisOrdered, sackDuplicates } = this.#session.association;
    return sackMisOrdered.size === 0 && sackDuplicates.length === 0;
  }

  #send(chunk: { type: number }): Promise<void> {
    const { association, transport, writer, dtls } = this.#session;
    if (!isShort(chunk) || transport.state !== "connected") return this.#werifts(chunk);
    if (association.state === "closed") return DONE;
    const packet = this.#write(chunk);
    if (!packet) return this.#werifts(chunk);
    const record = writer.write(packet, dtls.dtls.epoch, ++dtls.dtls.recordSequenceNumber);
    return this.#connection.iceTransports[0]?.connection.send(record) ?? DONE;
  }

  /** The packet of a chunk, in memory that the next one is written to; undefined when it is too long for that. */
  #write(chunk: DataChunk | SackChunk): Buffer | undefined {
    const { association } = this.#session;
    let chunks = chunk.type === DATA && association.sackNeeded && this.#isPlain()
      ? [this.#acknowledgement(), chunk]
      : [chunk];
    if (packetBytes(chunks) > this.#packet.length) chunks = [chunk];
    else if (chunks.length > 1) this.#acknowledged();
    const length = packetBytes(chunks);
    if (length > this.#packet.length) return undefined;
    const packet = this.#packet.subarray(0, length);
    const { localPort, remotePort, remoteVerificationTag: tag } = association;
    writePacket(packet, { localPort, remotePort, tag }, chunks, webRtc().crc32c);
    return packet;
  }

  #acknowledgement(): SackChunk {
    const { lastReceivedTsn, advertisedRwnd } = this.#session.association;
    return {
      type: SACK,
      cumulativeTsn: lastReceivedTsn,
      advertisedRwnd: Math.max(0, advertisedRwnd),
      gaps: [],
      duplicates: [],
    };
  }

  #acknowledged(): void {
    const { association } = this.#session;
    clearTimeout(association.sackTimeout);
    association.sackTimeout = undefined;
    association.sackNeeded = association.sackImmediate = false;
    association.sackPacketCount = 0;
  }
}

function isShort(chunk: { type: number }): chunk is DataChunk | SackChunk {
  return chunk.type === DATA || chunk.type === SACK;
}

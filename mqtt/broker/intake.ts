/**
 * Takes messages at QoS 0 and 1 right behind the packet parser. The broker's library would pass each through its
 * store and its own distribution, several turns of the event loop long, which here both lead nowhere: the hub
 * distributes. QoS 2, wills and all other packets are the library's.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Client, PublishPacket, SubscribePacket } from "aedes";
import type { BrokerConnection } from "./connection.ts";

/** Messages of one client that may wait for their acknowledgement; with more nothing further is read. */
const MAX_WAITING = 1_024;

/** With more acknowledgements than this unread by the client nothing further is read, in bytes. */
const MAX_UNREAD_BYTES = 262_144;

/** PUBACK of MQTT 3.1.1 section 3.4. */
const PUBACK = 0x40;

/** The parts of the library's client that are used here. */
interface LibraryClient {
  connackSent: boolean;
  closed: boolean;
  _keepaliveInterval: number;
  _keepaliveTimer: { refresh(): void } | null;
  _parser: {
    /** Packets that came before CONNECT was answered; null once they have been handled. */
    _queue: { cmd: string }[] | null;
    listeners(event: "packet"): ((packet: { cmd: string }) => void)[];
    removeAllListeners(event: "packet"): void;
    on(event: "packet", listener: (packet: { cmd: string }) => void): void;
  };
}

/**
 * Takes a message; `settled` is told when it may be acknowledged, or what is wrong.
 *
 * @returns false when the message is for the library.
 */
export type Take = (packet: PublishPacket, settled: (error?: Error | null) => void) => boolean;

/** What is done with a client's packets. */
export interface IntakeParts {
  take: Take;
  /** PUBACK of a message with this identifier came; false when it is for the library. */
  acknowledged(id: number): boolean;
  /** The client subscribes: what it asks for may be changed before the library sees it. */
  subscribes(packet: SubscribePacket): void;
  /** Sends a packet to the client, soon. */
  write(packet: Buffer): void;
}

/** The messages of one client. */
export class Intake {
  readonly #library: LibraryClient;
  readonly #connection: BrokerConnection;
  readonly #parts: IntakeParts;
  /** Messages at QoS 1 in the order in which they came, which is that of their acknowledgements (section 4.6). */
  #waiting: { id: number; settled: boolean }[] = [];
  #held = false;

  /** @throws when the library's client is made differently than this code knows. */
  constructor(client: Client, connection: BrokerConnection, parts: IntakeParts) {
    this.#library = client as unknown as LibraryClient;
    this.#connection = connection;
    this.#parts = parts;
    const parser = this.#library._parser;
    const [enqueue] = parser?.listeners("packet") ?? [];
    if (!enqueue || typeof this.#library.connackSent !== "boolean") {
      throw new Error("the MQTT broker's library takes its packets elsewhere than expected");
    }
    parser.removeAllListeners("packet");
    for (const packet of parser._queue ?? []) if (isSubscribe(packet)) parts.subscribes(packet);
    parser.on("packet", (packet) => {
      const inTurn = this.#library.connackSent && parser._queue === null;
      if (inTurn && isMessage(packet) ? this.#take(packet) : this.#isOurs(packet)) return;
      enqueue.call(parser, packet);
    });
    const { stream } = connection;
    const read = stream.read.bind(stream);
    stream.read = (size) => this.#held ? null : read(size);
  }

  /** Whether a packet that is no message has been dealt with here. */
  #isOurs(packet: { cmd: string; messageId?: number }): boolean {
    if (isSubscribe(packet)) this.#parts.subscribes(packet);
    if (packet.cmd !== "puback" || !this.#parts.acknowledged(packet.messageId ?? 0)) return false;
    this.#heard();
    return true;
  }

  #heard(): void {
    if (this.#library._keepaliveInterval > 0) this.#library._keepaliveTimer?.refresh();
  }

  #take(packet: PublishPacket): boolean {
    if (this.#library.closed) return true;
    const { qos, messageId } = packet as PublishPacket & { messageId?: number };
    const entry = { id: messageId ?? 0, settled: false };
    const taken = this.#parts.take(packet, (error) => {
      if (error) return void this.#connection.stream.destroy(error);
      entry.settled = true;
      if (qos === 1) this.#acknowledge();
    });
    if (!taken) return false;
    this.#heard();
    if (qos === 1) {
      this.#waiting.push(entry);
      this.#acknowledge();
    }
    return true;
  }

  #acknowledge(): void {
    let settled = 0;
    while (this.#waiting[settled]?.settled) settled++;
    if (settled > 0) {
      const packets = Buffer.allocUnsafe(4 * settled);
      for (let i = 0; i < settled; i++) {
        const { id } = this.#waiting[i]!;
        packets[4 * i] = PUBACK;
        packets[4 * i + 1] = 2;
        packets.writeUInt16BE(id, 4 * i + 2);
      }
      this.#waiting = settled === this.#waiting.length ? [] : this.#waiting.slice(settled);
      if (!this.#library.closed) this.#parts.write(packets);
    }
    this.#holdOrRelease();
  }

  #holdOrRelease(): void {
    const { stream } = this.#connection;
    const unread = stream.writableLength > MAX_UNREAD_BYTES;
    const hold = unread || this.#waiting.length >= MAX_WAITING;
    if (hold === this.#held) return;
    this.#held = hold;
    if (unread) stream.once("drain", () => this.#holdOrRelease());
    // The library reads when it is told that there is something to read.
    if (!hold) stream.emit("readable");
  }
}

function isSubscribe(packet: { cmd: string }): packet is SubscribePacket {
  return packet.cmd === "subscribe";
}

/** Whether it is a message that is taken here; one with a topic that is none goes to the library, which cuts its sender. */
function isMessage(packet: { cmd: string }): packet is PublishPacket {
  if (packet.cmd !== "publish") return false;
  const { qos, topic } = packet as PublishPacket;
  return qos < 2 && topic.length > 0 && !topic.includes("+") && !topic.includes("#");
}

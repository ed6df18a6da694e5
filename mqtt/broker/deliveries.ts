/**
 * Messages at QoS 1 on their way to one client (MQTT 3.1.1 section 4.3.2), each known by its packet identifier
 * until the client has acknowledged it.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { publishPacket } from "./packets.ts";

/** Packet identifiers run from 1 to this (section 2.3.1). */
const MAX_ID = 65_535;

/** A message that is to be acknowledged. */
export interface Delivery {
  /** Names it across connections; without, it is not sent again. */
  key?: string;
  topic: string;
  payload: Uint8Array;
  acked(): void;
}

/** What is under way over one connection. */
export class Deliveries {
  readonly #underWay = new Map<number, Delivery>();
  /** Identifiers of what the former connection left unacknowledged. */
  readonly #former: Map<string, number>;
  readonly #formerIds: Set<number>;
  #lastId = 0;

  /**
   * @param former What {@link unanswered} was when the client's former connection ended: sent again, these keep
   * their identifiers and are marked as repeated (sections 3.3.1.1 and 4.4).
   */
  constructor(
    readonly write: (packet: Buffer) => void,
    former: ReadonlyMap<string, number>,
  ) {
    this.#former = new Map(former);
    this.#formerIds = new Set(former.values());
  }

  /** Sends a message. */
  send(delivery: Delivery): void {
    const known = this.#takeFormer(delivery.key);
    const id = known ?? this.#freeId();
    this.#underWay.set(id, delivery);
    this.write(publishPacket(delivery.topic, delivery.payload, { id, repeated: known !== undefined }));
  }

  /** PUBACK came; false when it is for none of these messages. */
  acknowledged(id: number): boolean {
    const delivery = this.#underWay.get(id);
    if (!delivery) return false;
    this.#underWay.delete(id);
    delivery.acked();
    return true;
  }

  /** Identifiers of what is not acknowledged, by key. */
  get unanswered(): Map<string, number> {
    const unanswered = new Map(this.#former);
    for (const [id, { key }] of this.#underWay) if (key !== undefined) unanswered.set(key, id);
    return unanswered;
  }

  #takeFormer(key: string | undefined): number | undefined {
    if (key === undefined) return undefined;
    const id = this.#former.get(key);
    if (id === undefined) return undefined;
    this.#former.delete(key);
    this.#formerIds.delete(id);
    return id;
  }

  #freeId(): number {
    do this.#lastId = this.#lastId >= MAX_ID ? 1 : this.#lastId + 1; while (
      this.#underWay.has(this.#lastId) || this.#formerIds.has(this.#lastId)
    );
    return this.#lastId;
  }
}

/**
 * A rule out: what a message looks like when it leaves.
 *
 * @module
 */
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Topic } from "../../hub/topic.ts";
import { contentType, leavesAsItIs, outgoing } from "../payload.ts";
import { render } from "../template.ts";
import type { OutRule } from "./config.ts";
import { MessageProperties, utf8String } from "./properties.ts";
import type { Publisher, Settled } from "./publisher.ts";

/** What is the same for all messages of a topic. */
interface Envelope {
  topic: Uint8Array;
  properties: MessageProperties | undefined;
}

/** Renders and publishes the messages of a rule. */
export class Outgoing {
  readonly #topics = new Map<number, string>();
  readonly #envelopes = new Map<number, Envelope>();

  constructor(
    readonly rule: OutRule,
    readonly gateway: { id: string; level: string },
    readonly version: 4 | 5,
  ) {}

  /** Topic on the broker. */
  topic(id: number, name: string): string {
    let topic = this.#topics.get(id);
    if (topic === undefined) this.#topics.set(id, topic = render(this.rule.topic, this.gateway.level, name));
    return topic;
  }

  /** Publishes a lent sample, of an earlier epoch where that is given; `settled` is told what became of it. */
  publish(
    publisher: Publisher,
    sample: BorrowedSample,
    settled: Settled,
    epoch: string = sample.topic.epoch,
  ): void {
    const { rule } = this;
    const { description } = sample.topic;
    const event = description.deliveryClass === "event";
    const { topic, properties } = this.#envelope(sample.topic, epoch);
    const qos = event ? rule.eventQos : rule.stateQos;
    const retain = !event && rule.retain;
    const { timeUs, offset } = sample;
    const as = { topic, properties, qos, retain, timeUs, offset };
    if (leavesAsItIs(rule.payload, description.encoding)) {
      const { bytes, start, end } = sample;
      publisher.publish({ ...as, bytes, start, end }, settled);
    } else {
      const bytes = outgoing(rule.payload, sample, epoch);
      publisher.publish({ ...as, bytes, start: 0, end: bytes.length }, settled);
    }
  }

  #envelope(topic: Topic, epoch: string): Envelope {
    const type = contentType(this.rule.payload, topic.description.encoding);
    const known = this.#envelopes.get(topic.id);
    if (
      known &&
      (!known.properties || (known.properties.epoch === epoch && known.properties.contentType === type))
    ) {
      return known;
    }
    const { expiryS } = this.rule;
    const envelope: Envelope = {
      topic: utf8String(this.topic(topic.id, topic.name)),
      properties: this.version === 4 ? undefined : new MessageProperties({
        contentType: type,
        ...(expiryS === undefined ? {} : { expiryS }),
        origin: this.gateway.id,
        epoch,
      }),
    };
    this.#envelopes.set(topic.id, envelope);
    return envelope;
  }
}

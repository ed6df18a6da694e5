/**
 * A rule out on one connection: what a message looks like when it leaves.
 *
 * @module
 */
import type { IClientPublishOptions, MqttClient } from "mqtt";
import type { BorrowedSample } from "../../hub/sample.ts";
import { contentType, outgoing } from "../payload.ts";
import { render } from "../template.ts";
import type { OutRule } from "./config.ts";

/** User property that names the gateway a message comes from: one that comes back to it is dropped. */
export const ORIGIN_PROPERTY = "tidegate-origin";

/** Renders and publishes the messages of a rule. */
export class Outgoing {
  readonly #topics = new Map<number, string>();

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

  /** Publishes a lent sample, of an earlier epoch where that is given; `settled` is told of the acknowledgement, or that there will be none. */
  publish(
    client: MqttClient,
    sample: BorrowedSample,
    settled: (error?: Error) => void,
    epoch: string = sample.topic.epoch,
  ): void {
    const { rule } = this;
    const { topic } = sample;
    const event = topic.description.deliveryClass === "event";
    const options: IClientPublishOptions = {
      qos: event ? rule.eventQos : rule.stateQos,
      retain: !event && rule.retain,
    };
    if (this.version === 5) options.properties = this.#properties(sample, epoch);
    client.publish(
      this.topic(topic.id, topic.name),
      outgoing(rule.payload, sample, epoch),
      options,
      (error) => settled(error ?? undefined),
    );
  }

  #properties(
    { topic, timeUs, offset }: BorrowedSample,
    epoch: string,
  ): NonNullable<IClientPublishOptions["properties"]> {
    const { payload, expiryS } = this.rule;
    return {
      contentType: contentType(payload, topic.description.encoding),
      ...(expiryS === undefined ? {} : { messageExpiryInterval: expiryS }),
      userProperties: {
        [ORIGIN_PROPERTY]: this.gateway.id,
        "tidegate-time-us": String(timeUs),
        "tidegate-epoch": epoch,
        "tidegate-offset": String(offset),
      },
    };
  }
}

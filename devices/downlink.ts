/**
 * What others send to a device: desired values, kept until the device has them, and commands, answered or timed
 * out.
 *
 * @module
 */
import { MAX_PAYLOAD_BYTES } from "../protocol/limits.ts";
import { mayWrite, type Principal } from "../hub/access.ts";
import type { Clock } from "../hub/clock.ts";
import type { Hub } from "../hub/hub.ts";
import type { Topic } from "../hub/topic.ts";
import { type TopicWriter, WriteRefused, type WriteResult } from "../hub/writing.ts";

/** A device's live session, as the downlink sees it. */
export interface DownlinkTarget {
  /** Sends one sample on the device's own channel for this topic. */
  deliver(topic: Topic, offset: number, timeUs: number, payload: Uint8Array): void;
}

/** A value that a device should have. */
export interface Desired {
  topic: number;
  offset: number;
  timeUs: number;
  payload: Uint8Array;
  confirmed: boolean;
}

/** A command that waits for its answer. */
interface PendingCommand {
  topic: Topic;
  offset: number;
  timeUs: number;
  payload: Uint8Array;
  answer(result: WriteResult): void;
}

/** How long a command waits when its sender does not say, in milliseconds. */
const DEFAULT_COMMAND_TIMEOUT_MS = 10_000;

/** Commands that may wait for one topic; beyond it the sender is told to slow down. */
const MAX_PENDING_PER_TOPIC = 256;

/** Payload bytes of commands that may wait, over all topics: each is kept until it is answered. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024;

/** Name of the sequence space of commands, whose sequence numbers are the topic's offsets. */
const COMMAND_PRODUCER = "$gateway";

/** All writable topics and what is on its way to them. */
export class Downlink implements TopicWriter {
  #targets = new Map<Topic, DownlinkTarget>();
  #desired = new Map<number, Desired>();
  #commands = new Map<Topic, Map<number, PendingCommand>>();
  #pendingBytes = 0;

  constructor(readonly parts: { hub: Hub; clock: Clock; keep(desired: Desired): void }) {}

  /** Takes up a desired value of an earlier run that its device has not confirmed; offsets count anew in this one. */
  restore(topic: Topic, payload: Uint8Array): void {
    this.#desire(topic, payload);
  }

  /** A device has advertised a writable channel: it gets what it has not confirmed. */
  attach(topic: Topic, target: DownlinkTarget): void {
    this.#targets.set(topic, target);
    const desired = this.#desired.get(topic.id);
    if (desired && !desired.confirmed) target.deliver(topic, desired.offset, desired.timeUs, desired.payload);
    for (const command of this.#commands.get(topic)?.values() ?? []) {
      target.deliver(topic, command.offset, command.timeUs, command.payload);
    }
  }

  /** The device's session is over. */
  detach(topic: Topic, target: DownlinkTarget): void {
    if (this.#targets.get(topic) === target) this.#targets.delete(topic);
  }

  /** The device has everything up to `offset`. */
  confirmed(topic: Topic, offset: number): void {
    const desired = this.#desired.get(topic.id);
    if (!desired || desired.confirmed || desired.offset !== offset) return;
    desired.confirmed = true;
    this.parts.keep(desired);
  }

  /** The device's answer to a command. Returns false when none with this offset waits. */
  answered(topic: Topic, offset: number, result: WriteResult): boolean {
    const command = this.#commands.get(topic)?.get(offset);
    command?.answer(result);
    return command !== undefined;
  }

  write(principal: Principal, name: string, payload: Uint8Array, timeoutMs?: number): Promise<WriteResult> {
    try {
      const topic = this.#checked(principal, name, payload);
      if (topic.description.deliveryClass === "state") {
        return Promise.resolve(this.#desire(topic, payload.slice()));
      }
      return this.#command(topic, payload.slice(), timeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #checked(principal: Principal, name: string, payload: Uint8Array): Topic {
    if (!mayWrite(principal, name)) {
      throw new WriteRefused(
        "forbidden",
        `the token ${JSON.stringify(principal.label)} may not write ${name}`,
      );
    }
    const topic = this.parts.hub.topic(name);
    if (!topic) throw new WriteRefused("unknown_topic", `no device has declared the topic ${name}`);
    if (!topic.description.writable) {
      throw new WriteRefused("not_writable", `the device has not declared ${name} as writable`);
    }
    if (payload.length > MAX_PAYLOAD_BYTES) {
      throw new WriteRefused(
        "too_large",
        `payload of ${payload.length} bytes is above the limit of ${MAX_PAYLOAD_BYTES}`,
      );
    }
    return topic;
  }

  #desire(topic: Topic, payload: Uint8Array): WriteResult {
    const timeUs = this.parts.clock.nowUs();
    const offset = this.parts.hub.publish(topic, timeUs, 0, payload);
    const desired = { topic: topic.id, offset, timeUs, payload, confirmed: false };
    this.#desired.set(topic.id, desired);
    this.parts.keep(desired);
    this.#targets.get(topic)?.deliver(topic, offset, timeUs, payload);
    return this.#targets.has(topic)
      ? { status: "accepted" }
      : { status: "accepted", message: "the device is offline; it gets the value when it is back" };
  }

  #command(topic: Topic, payload: Uint8Array, timeoutMs: number): Promise<WriteResult> {
    let pending = this.#commands.get(topic);
    if (!pending) this.#commands.set(topic, pending = new Map());
    if (pending.size >= MAX_PENDING_PER_TOPIC) {
      throw new WriteRefused(
        "overloaded",
        `${pending.size} commands wait for an answer on ${topic.name}, the limit is ${MAX_PENDING_PER_TOPIC}`,
      );
    }
    if (this.#pendingBytes + payload.length > MAX_PENDING_BYTES) {
      throw new WriteRefused(
        "overloaded",
        `commands of ${this.#pendingBytes} bytes wait for an answer, the limit is ${MAX_PENDING_BYTES}`,
      );
    }
    const timeUs = this.parts.clock.nowUs();
    const sequence = topic.lastOffset + 1;
    const offset = this.parts.hub.publishEvent(
      topic,
      timeUs,
      0,
      payload,
      0,
      payload.length,
      COMMAND_PRODUCER,
      sequence,
    );
    if (offset === 0) {
      throw new WriteRefused("overloaded", "the recording cannot take more events now; try again");
    }
    const waiting = pending;
    return new Promise((resolve) => {
      const answer = (result: WriteResult) => {
        clearTimeout(timer);
        if (waiting.delete(offset)) this.#pendingBytes -= payload.length;
        if (waiting.size === 0 && this.#commands.get(topic) === waiting) this.#commands.delete(topic);
        resolve(result);
      };
      const offline = () => this.#targets.has(topic) ? "" : "; the device is offline";
      const timer = setTimeout(
        () => answer({ status: "timeout", message: `no answer within ${timeoutMs} ms${offline()}` }),
        timeoutMs,
      );
      this.#commands.set(topic, waiting);
      this.#pendingBytes += payload.length;
      waiting.set(offset, { topic, offset, timeUs, payload, answer });
      this.#targets.get(topic)?.deliver(topic, offset, timeUs, payload);
    });
  }
}

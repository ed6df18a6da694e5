/**
 * What others write to a device: desired values, acknowledged once they are applied, and commands, carried out
 * once however often they arrive.
 *
 * @module
 */
import { encodeAck } from "../protocol/ack.ts";
import { BatchReader } from "../protocol/batch.ts";
import type { DeviceMessage } from "../protocol/control.ts";
import type { ChannelRecord, WriteInfo } from "./device_channel.ts";
import { decodeValue } from "./value.ts";

/** A `result` message. */
export type ResultMessage = Extract<DeviceMessage, { type: "result" }>;

/** Results of finished commands that are kept for a command that comes again, per channel. */
const KEPT_RESULTS = 64;

/** Longest message of a result, in characters; see the shape of `result`. */
const MAX_MESSAGE = 1024;

/** What the downlink needs of the session. */
export interface DownlinkOwner {
  channel(number: number): ChannelRecord | undefined;
  sendAck(frame: Uint8Array): void;
  /** Sends a result; returns false, having sent nothing, without a connection. */
  sendResult(result: ResultMessage): boolean;
  /** A handler of a desired value failed; the value comes again after a reconnect. */
  failed(topic: string, error: unknown): void;
}

interface Written {
  /** Last sequence taken. */
  last: number;
  /** Finished commands by sequence; `sent` is whether the result went out. */
  results: Map<number, { result: ResultMessage; sent: boolean }>;
}

/** Hands writes to the program's handlers. */
export class Downlink {
  #written = new Map<number, Written>();
  #reader = new BatchReader();
  readonly #owner: DownlinkOwner;

  constructor(owner: DownlinkOwner) {
    this.#owner = owner;
  }

  /** The gateway started anew and counts from 1 again. */
  reset(): void {
    this.#written.clear();
  }

  /** Takes a batch in. */
  batch(frame: Uint8Array): void {
    const reader = this.#reader;
    reader.open(frame);
    while (reader.next()) {
      const channel = this.#owner.channel(reader.channel);
      if (!channel?.options.onWrite) continue;
      const { sequence, timeUs, start, end } = reader;
      const info = { sequence, timeUs, payload: frame.subarray(start, end) };
      if (channel.class === "state") this.#desired(channel, info);
      else this.#command(channel, info);
    }
  }

  /** The channel is taken again after a reconnect: results that could not be sent go out. */
  ready(channel: ChannelRecord): void {
    for (const entry of this.#written.get(channel.number)?.results.values() ?? []) {
      if (!entry.sent) entry.sent = this.#send(channel, entry.result);
    }
  }

  #of(channel: ChannelRecord): Written {
    let written = this.#written.get(channel.number);
    if (!written) this.#written.set(channel.number, written = { last: 0, results: new Map() });
    return written;
  }

  #desired(channel: ChannelRecord, info: WriteInfo): void {
    const written = this.#of(channel);
    const ack = () => this.#ack(channel, info.sequence);
    // only the same one again is a repeat: a value kept from the gateway's former epoch may have a larger number
    if (info.sequence === written.last) return ack();
    written.last = info.sequence;
    run(channel, info).then(ack, (error) => {
      // not acknowledged, so it comes again: let it through then, unless a newer one came meanwhile
      if (written.last === info.sequence) written.last = 0;
      this.#owner.failed(channel.options.topic, error);
    });
  }

  #command(channel: ChannelRecord, info: WriteInfo): void {
    const written = this.#of(channel);
    const { sequence } = info;
    this.#ack(channel, sequence);
    if (sequence <= written.last) {
      const known = written.results.get(sequence);
      if (known) known.sent = this.#send(channel, known.result);
      return;
    }
    written.last = sequence;
    const base = { type: "result" as const, channel: channel.number, sequence };
    run(channel, info).then(
      (value) =>
        this.#finished(channel, written, { ...base, ok: true, ...(value === undefined ? {} : { value }) }),
      (error) => this.#finished(channel, written, { ...base, ok: false, message: messageOf(error) }),
    );
  }

  #finished(channel: ChannelRecord, written: Written, result: ResultMessage): void {
    written.results.set(result.sequence, { result, sent: this.#send(channel, result) });
    if (written.results.size <= KEPT_RESULTS) return;
    const [oldest] = written.results.keys();
    written.results.delete(oldest!);
  }

  /** To be acknowledged, a channel must be known to the gateway on this very connection. */
  #ack(channel: ChannelRecord, sequence: number): void {
    if (channel.status.state !== "ready") return;
    this.#owner.sendAck(encodeAck([{ channel: channel.number, sequence }]));
  }

  #send(channel: ChannelRecord, result: ResultMessage): boolean {
    return channel.status.state === "ready" && this.#owner.sendResult(result);
  }
}

/** Calls the handler; what it throws, and a payload that does not decode, rejects. */
async function run(channel: ChannelRecord, info: WriteInfo): Promise<unknown> {
  const { onWrite, encoding = "raw", fields } = channel.options;
  return await onWrite?.(decodeValue(info.payload, encoding, fields), info);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
}

/**
 * A gateway for devices in a few lines: takes channels, puts events on its disk once, acknowledges them later,
 * keeps to the protocol and complains when the device does not.
 *
 * @module
 */
import type { DeviceMessage, Welcome } from "../../protocol/control.ts";
import { LIMITS, welcome } from "../support/welcome.ts";
import { type FakeConnection, type FakeNet, samplesOf, type SentSample } from "./fake_net.ts";

/** How long a commit takes, in milliseconds. */
const COMMIT_MS = 20;

interface Stored {
  sequence: number;
  payload: Uint8Array;
}

/** Answers every connection of a {@link FakeNet} as a gateway would answer a device. */
export class FakeDeviceGateway {
  /** Events on disk by `<producer> <topic>`. */
  readonly disk = new Map<string, Stored[]>();
  /** State samples by topic. */
  readonly state = new Map<string, SentSample[]>();
  /** What the device did wrong. */
  readonly complaints: string[] = [];
  /** Gateway's clock minus the device's, microseconds. */
  clockOffsetUs = 0;
  limits = LIMITS;
  epoch = "gw.1";
  /** Topics that are refused. */
  readonly refused = new Set<string>();
  /** Most bytes of events that were ever unacknowledged at once. */
  mostUnacked = 0;
  /** While true nothing is committed. */
  stalled = false;
  /** Pings that came. */
  pings = 0;
  /** While true no ping is answered. */
  mute = false;
  #sessions = 0;

  constructor(readonly net: FakeNet) {
    net.onConnect = (connection) => this.#serve(connection);
  }

  /** Payloads on disk of a topic, as numbers of their first byte, whatever the producer. */
  stored(topic: string): number[] {
    return [...this.disk].filter(([key]) => key.endsWith(` ${topic}`))
      .flatMap(([, events]) => events.map((event) => event.payload[0]!));
  }

  nowUs(): number {
    return this.net.time.us + this.clockOffsetUs;
  }

  #serve(connection: FakeConnection): void {
    const topics = new Map<number, { topic: string; event: boolean; taken: number }>();
    let producer = "";
    let unacked = 0;
    const lastOf = (topic: string) => this.disk.get(`${producer} ${topic}`)?.at(-1)?.sequence ?? 0;
    const commit = (channel: number, topic: string, batch: Stored[]) => {
      const key = `${producer} ${topic}`;
      const disk = this.disk.get(key) ?? [];
      disk.push(...batch.filter((event) => event.sequence > lastOf(topic)));
      this.disk.set(key, disk);
      unacked -= batch.reduce((sum, event) => sum + event.payload.length, 0);
      connection.ack({ channel, sequence: lastOf(topic) });
    };
    connection.onMessage = (raw) => {
      const message = raw as DeviceMessage;
      switch (message.type) {
        case "hello":
          producer = message.producer ?? "";
          return connection.send(this.#welcome(message.resume !== undefined));
        case "ping":
          this.pings++;
          if (this.mute || message.id === undefined) return;
          return connection.send({ type: "pong", id: message.id });
        case "clock":
          return connection.send({ type: "clock_reply", t: message.t, at: this.nowUs() });
        case "advertise": {
          const channels = message.channels.filter(({ topic }) => !this.refused.has(topic));
          for (const { channel, topic } of message.channels) {
            if (!this.refused.has(topic)) continue;
            connection.send({ type: "error", code: "bad_channel", message: "no", ref: { channel } });
          }
          for (const { channel, topic, class: kind } of channels) {
            topics.set(channel, { topic, event: kind === "event", taken: lastOf(topic) });
          }
          return connection.send({
            type: "advertised",
            channels: channels.map(({ channel, topic, class: kind }) => ({
              channel,
              topic,
              ...(kind === "event" ? { last: lastOf(topic) } : {}),
            })),
          });
        }
      }
    };
    connection.onFrame = (frame) => {
      if (frame[0] !== 1) return;
      const batches = new Map<number, Stored[]>();
      for (const sample of samplesOf(frame)) {
        const known = topics.get(sample.channel);
        if (!known) this.complaints.push(`sample on unknown channel ${sample.channel}`);
        else if (!known.event) this.state.set(known.topic, [...this.state.get(known.topic) ?? [], sample]);
        else if (sample.sequence > known.taken) {
          if (sample.sequence !== known.taken + 1) {
            this.complaints.push(`sequence ${sample.sequence} after ${known.taken}`);
          }
          known.taken = sample.sequence;
          unacked += sample.payload.length;
          batches.set(sample.channel, [...batches.get(sample.channel) ?? [], sample]);
        }
      }
      this.mostUnacked = Math.max(this.mostUnacked, unacked);
      if (this.stalled) return;
      for (const [channel, batch] of batches) {
        // a commit that was begun ends, whatever becomes of the connection
        this.net.time.timer(() => commit(channel, topics.get(channel)!.topic, batch), COMMIT_MS);
      }
    };
    connection.accept();
  }

  #welcome(resumed: boolean): Welcome {
    const { epoch, limits } = this;
    return welcome(this.nowUs(), { device: "d1", session: `s${++this.#sessions}`, resumed, epoch, limits });
  }
}

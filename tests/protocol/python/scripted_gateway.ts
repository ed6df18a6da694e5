/**
 * The gateway's side of the protocol towards one device, played by hand: enough to see whether a device keeps to
 * the specification, and nothing of the gateway's own code but the codec.
 *
 * @module
 */
import { decodeAck, encodeAck } from "../../../protocol/ack.ts";
import { BatchReader, BatchWriter } from "../../../protocol/batch.ts";
import { type DeviceMessage, parseDeviceMessage } from "../../../protocol/control.ts";
import * as limits from "../../../protocol/limits.ts";

/** What the gateway saw of its device. */
export interface Seen {
  authorization: string[];
  hellos: Extract<DeviceMessage, { type: "hello" }>[];
  /** Sequences of the event channel that were new, in order. */
  events: number[];
  /** Events that had been taken before. */
  repeats: number;
  /** Values of the state channel, as the last bytes said them. */
  states: number;
  clockReplies: number;
  confirmedTargets: number[];
  results: Extract<DeviceMessage, { type: "result" }>[];
  byes: number;
}

/** Events that are taken but left without acknowledgement, so that a device must keep them. */
const HELD_BACK = 30;

const encoder = new TextEncoder();

/** A gateway on a port of its own. Channels 1 to 4 are state, event, desired value, command. */
export class ScriptedGateway implements AsyncDisposable {
  readonly seen: Seen = {
    authorization: [],
    hellos: [],
    events: [],
    repeats: 0,
    states: 0,
    clockReplies: 0,
    confirmedTargets: [],
    results: [],
    byes: 0,
  };
  /** What went wrong, our own checks included. */
  readonly problems: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #last = 0;
  #watchers: { done: () => boolean; resolve: () => void }[] = [];

  constructor() {
    this.#server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
      this.seen.authorization.push(request.headers.get("authorization") ?? "");
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol: limits.SUBPROTOCOL });
      this.#serve(socket, this.seen.authorization.length);
      return response;
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#server.addr.port}/v1/device`;
  }

  /** Resolves once `done` holds of what was seen. */
  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => this.#watchers.push({ done, resolve }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #serve(socket: WebSocket, connection: number): void {
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      try {
        if (typeof data === "string") this.#control(socket, parseDeviceMessage(data), connection);
        else this.#frame(socket, new Uint8Array(data as ArrayBuffer), connection);
      } catch (error) {
        this.problems.push(String(error));
        socket.close();
      }
      this.#watchers = this.#watchers.filter(({ done, resolve }) => !done() || void resolve());
    };
  }

  #control(socket: WebSocket, message: DeviceMessage, connection: number): void {
    const send = (answer: unknown) => socket.send(JSON.stringify(answer));
    switch (message.type) {
      case "hello":
        this.seen.hellos.push(message);
        return send(this.#welcome(message.resume !== undefined));
      case "advertise":
        send({
          type: "advertised",
          channels: message.channels.map(({ channel, topic, class: kind, writable }) => ({
            channel,
            topic: `device/${topic}`,
            ...(kind === "event" && !writable ? { last: this.#last } : {}),
          })),
        });
        send({ type: "ping", id: connection });
        send({ type: "clock", t: Date.now() * 1000 });
        if (message.channels.some(({ writable }) => writable)) this.#write(socket, connection);
        return;
      case "clock_reply":
        this.seen.clockReplies++;
        return;
      case "result":
        this.seen.results.push(message);
        return;
      case "bye":
        this.seen.byes++;
        return socket.close(1000);
      case "pong":
        return;
      default:
        this.problems.push(`the device said ${JSON.stringify(message)}`);
    }
  }

  #write(socket: WebSocket, connection: number): void {
    const writer = new BatchWriter({ maxBytes: 1000 });
    writer.add(3, connection, Date.now() * 1000, encoder.encode(JSON.stringify({ target: connection })));
    writer.add(4, connection, Date.now() * 1000, encoder.encode(JSON.stringify({ command: connection })));
    socket.send(writer.takeCopy());
  }

  #frame(socket: WebSocket, frame: Uint8Array, connection: number): void {
    if (frame[0] === 2) {
      this.seen.confirmedTargets.push(...decodeAck(frame).map(({ sequence }) => sequence));
      return;
    }
    const reader = new BatchReader();
    reader.open(frame);
    while (reader.next()) {
      if (reader.channel === 1) this.seen.states++;
      else this.#event(reader);
    }
    const safe = connection === 1 ? Math.max(0, this.#last - HELD_BACK) : this.#last;
    if (safe > 0) socket.send(encodeAck([{ channel: 2, sequence: safe }]));
  }

  #event({ channel, sequence }: BatchReader): void {
    if (channel !== 2) this.problems.push(`a sample on channel ${channel}`);
    if (sequence <= this.#last) {
      this.seen.repeats++;
    } else {
      if (sequence !== this.#last + 1) this.problems.push(`event ${sequence} follows ${this.#last}`);
      this.#last = sequence;
      this.seen.events.push(sequence);
    }
  }

  /** `last` on the next `advertised` is lower than what was taken: the device has to send the rest again. */
  #welcome(resumed: boolean) {
    if (resumed) this.#last = Math.max(0, this.#last - HELD_BACK);
    this.seen.events.length = this.#last;
    return {
      type: "welcome",
      protocol: 1,
      gateway: "g",
      epoch: "g.1",
      session: "session-1",
      resume: "resume-token",
      resumed,
      time: Date.now() * 1000,
      device: "device",
      limits: {
        maxMessageBytes: limits.MAX_MESSAGE_BYTES,
        maxPayloadBytes: limits.MAX_PAYLOAD_BYTES,
        maxControlBytes: limits.MAX_CONTROL_BYTES,
        maxChannels: limits.MAX_CHANNELS,
        maxSubscriptions: limits.MAX_SUBSCRIPTIONS,
        maxPatterns: limits.MAX_PATTERNS,
        maxUnackedBytes: limits.MAX_UNACKED_BYTES,
        resumeWithinMs: limits.RESUME_WITHIN_MS,
        idleTimeoutMs: limits.IDLE_TIMEOUT_MS,
        pingIntervalMs: limits.PING_INTERVAL_MS,
      },
    };
  }
}

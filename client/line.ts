/**
 * A device's connection and what it carries. A link that is slower than the device shows in what waits in the socket,
 * or, since the kernel takes megabytes and no runtime tells of them, in the answers to pings that go out between the
 * samples. Then room is given out in portions, and newer values replace what waits for one. A new connection begins
 * that way: what has gathered without one would be in the way of newer values for as long as the link takes.
 *
 * @module
 */
import { EASY_BYTES } from "../protocol/flow_window.ts";
import { LineFlow } from "../protocol/line_flow.ts";
import type { Environment } from "./environment.ts";
import type { ClientTransport, Lane } from "./transport.ts";

/**
 * With more than this waiting in the socket the link is slower than the source: about half a second of a 1
 * Mbit/s link.
 */
const HIGH_WATER_BYTES = 65_536;

/** Below this the link is free again. */
const LOW_WATER_BYTES = 16_384;

/** How often to look whether the socket has drained, in milliseconds: there is no event for it. */
const DRAIN_POLL_MS = 10;

/** How often to look at a line that seems free, in milliseconds, while an answer is awaited. */
const LOOK_EVERY_MS = 25;

/** Bounds of a portion of room, in bytes: about a packet, and a batch that goes out without waiting for more. */
const MIN_PORTION_BYTES = 1_200;
const MAX_PORTION_BYTES = 16_384;

/** A gateway that has answered no ping for so long answers none, in milliseconds: the socket alone has to tell. */
const MUTE_MS = 2_000;

/** Who sends on a line. */
export interface LineOwner {
  /** Sends a ping with this number, behind everything that was sent. */
  ping(id: number): void;
  /** There is room: sends what waits as long as there is, and leaves nothing gathered. */
  room(): void;
}

/** The line of one connection. */
export class Line {
  /** What was sent, in bytes. */
  bytesOut = 0;
  #state: "free" | "full" | "portioned" = "portioned";
  /** Bytes that may go out; Infinity while the line is free. */
  #room = EASY_BYTES;
  /** Whether a look is coming. */
  #watched = false;
  #stopLook: () => void = () => {};
  readonly #openedMs: number;
  readonly #flow: LineFlow;
  readonly #transport: ClientTransport;
  readonly #env: Environment;
  readonly #owner: LineOwner;

  constructor(transport: ClientTransport, env: Environment, owner: LineOwner) {
    this.#transport = transport;
    this.#env = env;
    this.#owner = owner;
    this.#openedMs = this.#nowMs();
    this.#flow = new LineFlow(this, (id) => owner.ping(id), { lastEveryMs: Infinity });
  }

  /** Whether more may go out without a queue building up. */
  get free(): boolean {
    return this.#room > 0;
  }

  /** So many bytes were gathered to be sent. */
  took(bytes: number): void {
    this.#room -= bytes;
  }

  /** Sends a message; `message` is borrowed. */
  send(message: Uint8Array, lane: Lane): void {
    const nowMs = this.#nowMs();
    if (!this.#watched) this.#flow.rested(nowMs);
    if (this.#flow.unasked) this.#flow.mark(nowMs); // the round trip of a line on which nothing waits yet
    this.#transport.send(message, lane);
    this.bytesOut += message.length;
    if (this.#transport.bufferedBytes > HIGH_WATER_BYTES) {
      this.#hold(this.#state === "free" ? "full" : this.#state);
    }
    if (this.#state === "portioned") this.#portionSent(nowMs);
    // events have to arrive, all of them: a device without states has nothing to leave out
    else if (lane === "state") this.#flow.look(nowMs);
    this.#watch();
  }

  /** A ping was answered. */
  pong(id: number): void {
    this.#flow.pong(id, this.#nowMs());
    this.#look();
  }

  /** The connection is gone. */
  end(): void {
    this.#stopLook();
    this.#watched = true; // for the last time
  }

  #nowMs(): number {
    return this.#env.nowUs() / 1_000;
  }

  #hold(state: "full" | "portioned"): void {
    this.#state = state;
    this.#room = 0;
  }

  #release(): void {
    this.#state = "free";
    this.#room = Infinity;
  }

  /** The sooner it is known to have arrived, the sooner goes more. */
  #portionSent(nowMs: number): void {
    if (this.free) return this.#flow.window.idle();
    this.#flow.window.blocked(nowMs);
    this.#flow.pace(nowMs);
  }

  /** Sees to it that the line is looked at again while there is something to see. */
  #watch(): void {
    const held = this.#state !== "free";
    if (this.#watched || !(held || this.#flow.asked)) return;
    this.#watched = true;
    this.#stopLook = this.#env.timer(() => {
      this.#watched = false;
      this.#flow.look(this.#nowMs());
      this.#look();
      this.#watch();
    }, held ? DRAIN_POLL_MS : LOOK_EVERY_MS);
  }

  #look(): void {
    const nowMs = this.#nowMs();
    if (this.#flow.standing(nowMs)) this.#hold("portioned");
    if (this.#state === "free" || this.#transport.bufferedBytes > LOW_WATER_BYTES) return;
    if (this.#state === "portioned" && this.#flow.known) return this.#portions();
    if (this.#state === "portioned" && nowMs - this.#openedMs < MUTE_MS) return;
    this.#release();
    this.#owner.room();
  }

  /** Gives out what room there is; where nothing waits for it, the link keeps up. */
  #portions(): void {
    const { window } = this.#flow;
    while (this.#flow.room >= MIN_PORTION_BYTES) {
      // a quarter of the window, so that word of one part lets the next go while others are under way
      const portion = Math.min(window.bytes / 4, this.#flow.room, MAX_PORTION_BYTES);
      this.#room = Math.max(MIN_PORTION_BYTES, portion);
      this.#owner.room();
      if (this.free) return this.#release();
    }
  }
}

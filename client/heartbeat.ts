/**
 * Signs of life both ways: the exchanges that keep the clock, and how long the gateway has been silent.
 *
 * @module
 */
import { IDLE_TIMEOUT_MS, PING_INTERVAL_MS } from "../protocol/limits.ts";
import { GatewayClock } from "./clock.ts";

/** Clock exchanges right after the welcome, to find one that met no queue on the way. */
const FIRST_EXCHANGES = 4;

/** Apart by this, in milliseconds, so that they do not queue behind one another. */
export const FIRST_EXCHANGE_INTERVAL_MS = 100;

/** How long the gateway may be silent, and how often it is asked, in milliseconds; as `welcome` says. */
export interface HeartbeatLimits {
  idleTimeoutMs: number;
  pingIntervalMs: number;
}

const BEFORE_WELCOME: HeartbeatLimits = { idleTimeoutMs: IDLE_TIMEOUT_MS, pingIntervalMs: PING_INTERVAL_MS };

/** One session's heartbeat. Times are microseconds of our own clock unless they say otherwise. */
export class Heartbeat {
  readonly clock = new GatewayClock();
  /** Everything sent on this connection before this moment has reached the gateway. */
  confirmedUs = 0;
  /** When the gateway was last heard. */
  heardUs = 0;
  #limits = BEFORE_WELCOME;
  #firstLeft = 0;

  /** The session is open. */
  opened(nowUs: number, limits: HeartbeatLimits): void {
    this.confirmedUs = nowUs;
    this.#limits = limits;
    this.#firstLeft = FIRST_EXCHANGES;
  }

  /** The connection is gone. */
  lost(): void {
    this.#limits = BEFORE_WELCOME;
  }

  /** The gateway answered what was sent at `sentUs`, at `gatewayUs` of its clock. */
  answered(sentUs: number, gatewayUs: number, nowUs: number): void {
    this.clock.exchanged(sentUs, gatewayUs, nowUs);
    this.confirmedUs = Math.max(this.confirmedUs, sentUs);
  }

  /** Why the gateway must be taken for gone, in words, or undefined. */
  silence(nowUs: number): string | undefined {
    const silentMs = this.#silentMs(nowUs);
    const { idleTimeoutMs } = this.#limits;
    if (silentMs < idleTimeoutMs) return undefined;
    return `nothing heard for ${Math.round(silentMs)} ms of at most ${idleTimeoutMs}`;
  }

  /** Milliseconds from a beat now to the next one: never past the moment when the silence is complete. */
  nextMs(nowUs: number): number {
    const first = this.#firstLeft > 1;
    if (this.#firstLeft > 0) this.#firstLeft--;
    if (first) return FIRST_EXCHANGE_INTERVAL_MS;
    const { idleTimeoutMs, pingIntervalMs } = this.#limits;
    return Math.max(1, Math.min(pingIntervalMs, idleTimeoutMs - this.#silentMs(nowUs)));
  }

  #silentMs(nowUs: number): number {
    return (nowUs - this.heardUs) / 1000;
  }
}

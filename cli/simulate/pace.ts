/**
 * When simulated samples are due. Pure.
 *
 * @module
 */

/** After a stall longer than this, in seconds, samples are left out instead of being sent in one burst. */
const CATCH_UP_S = 1;

/** How many of a device's samples are due, and how many of those come too late to be sent. */
export interface Due {
  send: number;
  skip: number;
}

/**
 * @param seconds Since the start.
 * @param rateHz Samples a second.
 * @param phase From 0 to 1: shifts a device within the interval, so that not all send at once.
 * @param done Samples sent or left out so far.
 */
export function due(seconds: number, rateHz: number, phase: number, done: number): Due {
  const open = Math.max(0, Math.floor(seconds * rateHz + phase) - done);
  const send = Math.min(open, Math.max(1, Math.floor(rateHz * CATCH_UP_S)));
  return { send, skip: open - send };
}

/** Timers are no finer than this on a busy machine, in milliseconds. */
const SHORTEST_TICK_MS = 4;

/** The progress, and the end, are looked at least this often, in milliseconds. */
const LONGEST_TICK_MS = 100;

/** Milliseconds between looks at what is due: short enough that devices of one rate spread out. */
export function tickMs(devices: number, rateHz: number): number {
  return Math.min(LONGEST_TICK_MS, Math.max(SHORTEST_TICK_MS, Math.floor(1_000 / (devices * rateHz))));
}

/**
 * What every stand-in for a gateway says first.
 *
 * @module
 */
import type { AnnouncedLimits, Welcome } from "../../protocol/control.ts";

/** Limits that a stand-in announces: those of version 1. */
export const LIMITS: AnnouncedLimits = {
  maxMessageBytes: 262_144,
  maxPayloadBytes: 131_072,
  maxControlBytes: 262_144,
  maxChannels: 4_096,
  maxSubscriptions: 256,
  maxPatterns: 64,
  maxUnackedBytes: 4_194_304,
  resumeWithinMs: 60_000,
  idleTimeoutMs: 30_000,
  pingIntervalMs: 10_000,
};

/** A `welcome` at this gateway time, with what the test wants otherwise. */
export function welcome(timeUs: number, changes: Partial<Welcome> = {}): Welcome {
  return {
    type: "welcome",
    protocol: 1,
    gateway: "gw",
    epoch: "gw.1",
    session: "s1",
    resume: "r1",
    resumed: false,
    time: timeUs,
    limits: LIMITS,
    ...changes,
  };
}

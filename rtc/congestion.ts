/**
 * Keeps werift's SCTP from letting less be under way than the state lane does.
 *
 * SCTP halves its window at each lost packet, so that on a link with 2 % loss some 5 KB are under way at most, and after
 * a timeout one packet: what the lane lets go waits in front of SCTP and is old when it leaves. The lane has a congestion
 * control of its own (`protocol/flow_window.ts`), by what its peer confirms and how long that takes, which does not
 * take each lost packet for a full link. So the larger of the two windows counts.
 *
 * @module
 */

/** SCTP counts a lost packet as under way until three later ones are acknowledged, the lane until one confirmation tells: in bytes. */
const SLACK_BYTES = 4_800;

/** A lower bound of an association's congestion window. */
export class CongestionFloor {
  /** So many bytes are let be under way by the lane. */
  bytes = 0;

  /** Does nothing to an object of another make. */
  constructor(association: object) {
    if (!("cwnd" in association) || typeof association.cwnd !== "number") return;
    let own = association.cwnd;
    Object.defineProperty(association, "cwnd", {
      configurable: true,
      enumerable: true,
      get: () => this.bytes === 0 ? own : Math.max(own, this.bytes + SLACK_BYTES),
      set: (bytes: number) => {
        own = bytes;
      },
    });
  }
}

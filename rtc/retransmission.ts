/**
 * A shorter retransmission timeout for werift's SCTP, word of its acknowledgements, and nothing in what it sends again
 * on the state lane.
 *
 * werift follows RFC 9260 in never waiting less than a second before it takes silence for loss. When that second is
 * over it sends everything again that is unacknowledged, one packet at first, and new data waits behind it: after a
 * lost retransmission, or a path that was away for a moment, the lane stands still for a second and more. There is no
 * setting for it, so the field that holds the timeout gets a lower bound of its own.
 *
 * What SCTP sends again on the state lane nobody waits for: the lane has sent the newest value by then. It
 * took some 6 % of a link of 1 Mbit/s with 2 % loss. It cannot be told not to, since its limits on
 * retransmissions do not work, and its receiver needs the numbers to be complete; so what it sends again is emptied.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { FRAME } from "../protocol/batch.ts";

/** RFC 9260's lower bound, which werift applies, in seconds. */
const RFC_MIN_S = 1;

/** What a receiver may hold an acknowledgement back (RFC 9260 section 6.2), with a margin for its timer, in seconds. */
const DELAYED_ACK_S = 0.22;

/** The first message of the state lane, which is always a heartbeat: come again, it says nothing. */
const NOTHING = Buffer.from([FRAME.state, 1]);

/** The fields of werift 0.25's SCTP association that matter here, in seconds. */
interface Association {
  rto: number;
  srtt?: number;
  rttvar?: number;
}

/** What of a DATA chunk of werift's counts here. */
interface DataChunk {
  flags: number;
  streamId: number;
  userData: Uint8Array;
}

/** Flags of a chunk that holds the beginning and the end of its message (RFC 9260 section 3.3.1). */
const WHOLE = 0b11;

/** The timeout that a measured round trip justifies, where the RFC's bound hides it. */
export function retransmissionTimeoutS(
  association: Pick<Association, "srtt" | "rttvar">,
  setS: number,
): number {
  const { srtt, rttvar } = association;
  if (setS > RFC_MIN_S || srtt === undefined || rttvar === undefined) return setS;
  return Math.min(setS, srtt + 4 * rttvar + DELAYED_ACK_S);
}

/** Gives an association the shorter timeout. Does nothing to an object of another make. */
export function shortenRetransmission(association: object): void {
  if (!("rto" in association) || typeof association.rto !== "number") return;
  const fields = association as Association;
  let timeoutS = fields.rto;
  Object.defineProperty(association, "rto", {
    configurable: true,
    enumerable: true,
    get: () => timeoutS,
    set: (setS: number) => {
      timeoutS = retransmissionTimeoutS(fields, setS);
    },
  });
}

/**
 * Empties the state frames of a stream as soon as they are to be sent again. Frames in more than one packet are left as
 * they are, and so are confirmations. Does nothing to an object of another make.
 */
export function emptyRetransmissions(association: object, streamId: number): void {
  if (!("maybeAbandon" in association) || typeof association.maybeAbandon !== "function") return;
  // asked of each chunk that is about to be marked for sending again
  const former = association.maybeAbandon.bind(association) as (chunk: DataChunk) => boolean;
  association.maybeAbandon = (chunk: DataChunk) => {
    if (chunk.streamId === streamId && isWholeState(chunk)) chunk.userData = NOTHING;
    return former(chunk);
  };
}

function isWholeState({ flags, userData }: DataChunk): boolean {
  return (flags & WHOLE) === WHOLE && userData[0] === FRAME.state;
}

/**
 * Has `told` called at each acknowledgement of the peer's SCTP. After a path was away it comes a round trip after the
 * first packet that got through, whereas confirmations of our own wait for the retransmission timer of the peer's SCTP,
 * which backs off for seconds. Does nothing to an object of another make.
 */
export function onAcknowledged(association: object, told: () => void): void {
  if (!("onSackReceived" in association) || typeof association.onSackReceived !== "function") return;
  const former = association.onSackReceived as () => Promise<void>;
  association.onSackReceived = () => {
    told();
    return former();
  };
}

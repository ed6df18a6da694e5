/**
 * A shorter retransmission timeout for werift's SCTP, and word of its acknowledgements.
 *
 * werift follows RFC 9260 in never waiting less than a second before it takes silence for loss. When that second is
 * over it sends everything again that is unacknowledged, one packet at first, and new data waits behind it: after a
 * lost retransmission, or a path that was away for a moment, the lane stands still for a second and more. There is no
 * setting for it, so the field that holds the timeout gets a lower bound of its own.
 *
 * @module
 */

/** RFC 9260's lower bound, which werift applies, in seconds. */
const RFC_MIN_S = 1;

/** What a receiver may hold an acknowledgement back (RFC 9260 section 6.2), with a margin for its timer, in seconds. */
const DELAYED_ACK_S = 0.22;

/** The fields of werift 0.25's SCTP association that matter here, in seconds. */
interface Association {
  rto: number;
  srtt?: number;
  rttvar?: number;
}

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

/**
 * What the receiving program of the cost benchmark is asked to do and what it answers: one JSON document each way.
 *
 * @module
 */

/** What both kinds of job have. */
interface Common {
  /** Where the sender is, as `http://host:port`. */
  url: string;
  /** Process whose CPU time is the cost. */
  pid: number;
  /** Receivers, each a peer of its own. */
  peers: number;
  /** Time before the measurement, in milliseconds. */
  warmMs: number;
  /** Length of the measurement, in milliseconds. */
  measureMs: number;
}

/** Dashboards of a gateway, and the device whose samples they get. */
export interface GatewayJob extends Common {
  kind: "gateway";
  /** An operator's. */
  token: string;
  topics: number;
  /** Samples a second of each topic. */
  hz: number;
  /** Length of a payload. */
  bytes: number;
  /** All topics in one turn, or each at a time of its own. */
  pattern: "together" | "spread";
}

/** Peers of a program that sends messages of nothing. */
export interface PlainJob extends Common {
  kind: "plain";
  /** Confirmations that each peer sends, a second. */
  confirmsPerSecond: number;
}

/** Any job. */
export type CostJob = GatewayJob | PlainJob;

/** Figures of the measured time. */
export interface CostResult {
  seconds: number;
  /** CPU time of the sender, in seconds. */
  senderCpu: number;
  /** Share of the receivers' core that they used. */
  receiverShare: number;
  /** Samples that came at the receivers; 0 from a plain sender. */
  samples: number;
  /** Samples that the device made, for one receiver; 0 from a plain sender. */
  made: number;
  /** Messages that came over data channels, and their bytes. */
  messages: number;
  messageBytes: number;
  /** Messages that the receivers sent back. */
  confirms: number;
  /** Receivers on their data channel at the end. */
  overRtc: number;
  /** Age of the samples on arrival, in milliseconds. */
  ageP50: number;
  ageP99: number;
}

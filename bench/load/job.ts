/**
 * What a load generator is asked to do and what it answers: one JSON document each way.
 *
 * @module
 */

/** Protocols that the generator speaks. */
export type Protocol = "tidegate" | "mqtt" | "mqtt-websocket" | "nats";

/** Where the server under test is. */
export interface ServerAddress {
  protocol: Protocol;
  host: string;
  port: number;
  /** Operator's token, where the server asks for one. */
  token?: string;
  /** Process whose CPU time is the cost. */
  pid: number;
}

/** Publishers send at a fixed rate; subscribers count and time all that arrives. */
export interface FlowJob {
  kind: "flow";
  server: ServerAddress;
  publishers: number;
  subscribers: number;
  /** Samples a second of each publisher; 0 sends as fast as the server takes them. */
  rateHz: number;
  /** Payload of each sample, at least 8. */
  bytes: number;
  /** Samples that a publisher puts into one write; 1 sends each by itself. */
  perWrite: number;
  /** Topics that each publisher writes in turn. */
  topicsPerPublisher: number;
  /** Subscribers that stop reading when the measurement begins. */
  stalled: number;
  /** Time before the measurement, in milliseconds: compilers and caches warm up. */
  warmMs: number;
  /** Length of the measurement, in milliseconds. */
  measureMs: number;
}

/** Devices that connect, say who they are, and then say nothing. */
export interface IdleJob {
  kind: "idle";
  server: ServerAddress;
  devices: number;
  /** Devices that connect before memory is first looked at, so that one-time costs stay out. */
  before: number;
}

/** Any job. */
export type LoadJob = FlowJob | IdleJob;

/** Latency in milliseconds from just before a publisher's write to a subscriber's parsing. */
export interface Latency {
  p50: number;
  p99: number;
  p999: number;
  max: number;
}

/** Answer to a {@link FlowJob}. Counts and times without further words are those of the measurement. */
export interface FlowResult {
  seconds: number;
  sent: number;
  delivered: number;
  /** Of the whole run, after all that was under way had time to arrive; stalled subscribers left out. */
  expectedInAll: number;
  deliveredInAll: number;
  /** CPU seconds of the server's process, all threads. */
  serverCpu: number;
  /** The same by thread name; threads below one percent left out. */
  serverThreads: Record<string, number>;
  /** Seconds that the server's threads were ready to run but had no core: the machine's noise. */
  serverWaited: number;
  serverMemoryBefore: number;
  serverMemoryAfter: number;
  /** CPU seconds of the generator. */
  loadCpu: number;
  /** How late the generator's timer was, in milliseconds. */
  lateness: { p50: number; p99: number };
  latency: Latency;
  /** How old the newest value of a stalled subscriber was, one second after it began to read again, in milliseconds. */
  stalledAge?: number;
}

/** Answer to an {@link IdleJob}. */
export interface IdleResult {
  devices: number;
  connectSeconds: number;
  memoryBefore: number;
  memoryAfter: number;
}

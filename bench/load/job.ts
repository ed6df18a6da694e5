/**
 * What a load generator is asked to do and what it answers: one JSON document each way.
 *
 * @module
 */

/**
 * Protocols that the generator speaks. Of the gateway's MQTT: `mqtt-in` publishes to its embedded broker and
 * watches as a dashboard, `bridge-in` publishes to a broker behind a bridge, and `bridge-out` publishes as a
 * device and watches at that broker.
 */
export type Protocol =
  | "tidegate"
  | "mqtt"
  | "mqtt-websocket"
  | "nats"
  | "signalk"
  | "mqtt-in"
  | "bridge-in"
  | "bridge-out";

/** Where the server under test is. */
export interface ServerAddress {
  protocol: Protocol;
  host: string;
  port: number;
  /** Operator's token, where the server asks for one. */
  token?: string;
  /** Process whose CPU time is the cost. */
  pid: number;
  /** Port of the gateway's embedded broker. */
  mqttPort?: number;
  /** The broker at the other end of a bridge. */
  broker?: { host: string; port: number; pid: number };
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
  /**
   * Samples that belong together: one message of the gateway's protocol, one write of the others. 1 sends each by
   * itself.
   */
  perWrite: number;
  /** Topics that each publisher writes in turn. */
  topicsPerPublisher: number;
  /** MQTT quality of service of what publishers send, where they speak MQTT. */
  qos: 0 | 1;
  /** Whether the gateway's devices send events, which are acknowledged once they are on disk. */
  events: boolean;
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

/** A device that sends events, each once the ones before are nearly all on disk. */
export interface FillJob {
  kind: "fill";
  server: ServerAddress;
  events: number;
  bytes: number;
  /** Event channels that it writes in turn. */
  topics: number;
}

/** Watches at a broker how those events arrive, while another device sends live traffic. */
export interface DrainJob {
  kind: "drain";
  server: ServerAddress;
  events: number;
  bytes: number;
  topics: number;
  /** Live states, and live events, a second. */
  liveHz: number;
  /** Time for all of it, in milliseconds. */
  withinMs: number;
}

/** Any job. */
export type LoadJob = FlowJob | IdleJob | FillJob | DrainJob;

/** Latency in milliseconds from just before a publisher's write to the read in which it reached a subscriber. */
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
  /** CPU seconds of the broker at the other end of a bridge. */
  brokerCpu: number;
  /** How late the generator's timer was, in milliseconds. */
  lateness: { p50: number; p99: number };
  latency: Latency;
  /** Connections that the server closed. */
  closed: number;
  /** How old the newest value of a stalled subscriber was, one second after it began to read again, in milliseconds. */
  stalledAge?: number;
}

/** Answer to a {@link FillJob}. */
export interface FillResult {
  seconds: number;
}

/** Answer to a {@link DrainJob}. */
export interface DrainResult {
  /** From the first event at the broker to the last one. */
  seconds: number;
  received: number;
  /** Events that came again. */
  repeated: number;
  /** Events that never came, or came before one that they follow. */
  lost: number;
  /** Live samples while the events were drained. */
  states: { sent: number; received: number } & Latency;
  events: { sent: number; received: number } & Latency;
  serverCpu: number;
  serverMemoryBefore: number;
  serverMemoryMax: number;
}

/** Answer to an {@link IdleJob}. */
export interface IdleResult {
  devices: number;
  connectSeconds: number;
  memoryBefore: number;
  memoryAfter: number;
}

/**
 * Control messages: JSON text messages with a `type`. Four directions, each a discriminated union:
 * device to gateway, gateway to device, dashboard to gateway, gateway to dashboard.
 *
 * @module
 */
import { lenientParser, parser } from "./control_parser.ts";
import {
  MAX_CHANNEL_NUMBER,
  MAX_CHANNELS,
  MAX_CONTROL_BYTES,
  MAX_PATTERNS,
  MAX_PAYLOAD_BYTES,
  MAX_SCHEMA_BYTES,
  MAX_TOPIC_BYTES,
} from "./limits.ts";
import {
  anything,
  array,
  boolean,
  either,
  integer,
  json,
  number,
  object,
  type Of,
  oneOf,
  optional,
  record,
  string,
} from "./shape.ts";

/** Version of the protocol that this module speaks. */
export const PROTOCOL_VERSION = 1;

/** Declared encodings of payloads. The gateway carries them as opaque bytes; decoders use the name. */
export const ENCODINGS = [
  "raw",
  "json",
  "cbor",
  "msgpack",
  "utf8",
  "f32",
  "f64",
  "struct",
  "senml+json",
  "senml+cbor",
] as const;

/** Name of a payload encoding. */
export type Encoding = typeof ENCODINGS[number];

/** What may be lost: `state` keeps only the newest value, `event` keeps every sample. */
export type DeliveryClass = "state" | "event";

/** Types of a packed struct's fields, little-endian, without padding. */
export const FIELD_TYPES = [
  "u8",
  "i8",
  "u16",
  "i16",
  "u32",
  "i32",
  "u64",
  "i64",
  "f32",
  "f64",
  "bool",
] as const;

const structField = object({
  name: string(64),
  type: oneOf(...FIELD_TYPES),
  unit: optional(string(32)),
  count: optional(integer(1, 65_536)),
});

/** One field of a packed struct; `count` above 1 makes it an array. */
export type StructField = Of<typeof structField>;

const text = string(1024);
const topic = string(MAX_TOPIC_BYTES);
const channelNumber = integer(0, MAX_CHANNEL_NUMBER);
const sequence = integer(0);
const microseconds = integer(0);

const channelDeclaration = object({
  /** Number that data frames use; the device chooses it. */
  channel: channelNumber,
  /** Topic below the device's own name: `cpu/0` becomes `<device>/cpu/0`. */
  topic,
  class: optional(oneOf("state", "event")),
  encoding: optional(oneOf(...ENCODINGS)),
  unit: optional(string(32)),
  /** Fields of encoding `struct`. */
  fields: optional(array(structField, 256)),
  /** JSON Schema or any other description; carried, not checked but for its size. */
  schema: optional(json(MAX_SCHEMA_BYTES)),
  /** true: others write it and the device receives it. With class `state` a desired value, with `event` a command. */
  writable: optional(boolean),
});

/** What a device says of one channel. Class defaults to `state`, encoding to `raw`. */
export type ChannelDeclaration = Of<typeof channelDeclaration>;

const sessionDescription = string(65_536);
const signalling = {
  offer: object({ type: oneOf("offer"), sdp: sessionDescription }),
  answer: object({ type: oneOf("answer"), sdp: sessionDescription }),
  /** The plain string, the browser's `RTCIceCandidateInit`, or null / "" for the end of candidates. */
  candidate: object({ type: oneOf("candidate"), candidate: anything }),
  /** No offer is made, or none taken. A client says in `retryInMs` when it will try again. */
  reject: object({ type: oneOf("reject"), reason: text, retryInMs: optional(integer(0, 86_400_000)) }),
};

/** WebRTC signalling, the same in both directions and for both roles. */
export type SignallingMessage = Of<typeof signalling[keyof typeof signalling]>;

const errorMessage = object({
  type: oneOf("error"),
  /** Machine-readable name, stable. */
  code: string(64),
  /** What happened, with the actual value and the limit, and what to do. */
  message: text,
  /** What it refers to: a channel, a subscription or write id, a topic. */
  ref: optional(object({
    channel: optional(channelNumber),
    id: optional(sequence),
    topic: optional(topic),
    type: optional(string(32)),
  })),
});

const bye = object({
  type: oneOf("bye"),
  code: optional(integer(1000, 4999)),
  reason: optional(text),
  reconnect: optional(boolean),
});

const shared = {
  ...signalling,
  /** The sender's state samples take another way from here on; `cause` is for people. */
  moved: object({ type: oneOf("moved"), to: oneOf("websocket", "datachannel", "webrtc"), cause: text }),
  error: errorMessage,
  bye,
  /** Liveness for clients that cannot send WebSocket pings. */
  ping: object({ type: oneOf("ping"), id: optional(sequence) }),
  pong: object({ type: oneOf("pong"), id: optional(sequence) }),
  /** Asks for the peer's clock; `t` is the asker's own in microseconds and comes back unchanged. */
  clock: object({ type: oneOf("clock"), t: microseconds }),
  /** `at` is the answerer's clock in microseconds. */
  clock_reply: object({ type: oneOf("clock_reply"), t: microseconds, at: microseconds }),
};

/** What either side may say, whoever the peer is. */
export type SharedMessage = Of<typeof shared[keyof typeof shared]>;

const resume = object({
  /** Session id from the former `welcome`. */
  session: string(64),
  /** Resume token from the former `welcome`. */
  token: string(128),
});

/** Bytes of values that a receiver of state keeps for differences on its state lane; without it none are sent. */
const keptBytes = optional(integer(0));

const deviceHello = object({
  type: oneOf("hello"),
  protocol: integer(1, 1),
  /** Name and version of the program, for the record. */
  client: optional(string(128)),
  /**
   * Names the sequence space of the event channels, so that a retransmission is recorded once even across
   * sessions. A device that forgets its sequence numbers on a reboot chooses a new one.
   */
  producer: optional(string(64)),
  /**
   * Whose clock stamps the samples: `gateway` (the device follows the gateway's clock), `device` (any counter
   * of microseconds; the gateway converts), `arrival` (default: the gateway stamps on arrival).
   */
  clock: optional(oneOf("gateway", "device", "arrival")),
  resume: optional(resume),
  /** Asks to be enrolled under this name, from a device that has no token. */
  enrol: optional(object({ device: string(64), description: optional(string(256)) })),
});

const deviceMessages = {
  hello: deviceHello,
  advertise: object({ type: oneOf("advertise"), channels: array(channelDeclaration, MAX_CHANNELS) }),
  unadvertise: object({ type: oneOf("unadvertise"), channels: array(channelNumber, MAX_CHANNELS) }),
  /** The device's answer to a command: `sequence` is the command's. */
  result: object({
    type: oneOf("result"),
    channel: channelNumber,
    sequence,
    ok: boolean,
    message: optional(text),
    value: optional(json(MAX_PAYLOAD_BYTES)),
  }),
  ...shared,
};

/** What a device may say. */
export type DeviceMessage = Of<typeof deviceMessages[keyof typeof deviceMessages]>;

const position = object({ epoch: string(64), offset: sequence });

/** Where a reader of a topic stands: the last offset it has, within an epoch. */
export type Position = Of<typeof position>;

const subscribeFrom = either(
  oneOf("snapshot", "live"),
  object({
    /** Everything recorded since then, then live; microseconds since 1970. Below 0: that long before now. */
    time: optional(integer(-Number.MAX_SAFE_INTEGER)),
    /** Topic to the last position the subscriber has; topics not named start as in `snapshot`. */
    positions: optional(record(position, 100_000)),
    /** State topics without a position begin with their newest value, and `time` is for events only. */
    state: optional(oneOf("newest")),
  }),
);

/** Where a subscription begins. */
export type SubscribeFrom = Of<typeof subscribeFrom>;

const subscribe = object({
  type: oneOf("subscribe"),
  /** Chosen by the client, unique within the session. */
  id: integer(0, 0xffffffff),
  patterns: array(string(MAX_TOPIC_BYTES), MAX_PATTERNS),
  /** Default `snapshot`: the newest value of each state topic, then live. */
  from: optional(subscribeFrom),
  /** At most this many samples a second of each state topic; the newest are kept. */
  maxHz: optional(number(0.001, 10_000)),
  /** State samples that waited longer than this are skipped for the newest value. */
  maxStaleMs: optional(integer(1, 3_600_000)),
});

/** A request to receive topics. */
export type Subscribe = Of<typeof subscribe>;

const dashboardMessages = {
  hello: object({
    type: oneOf("hello"),
    protocol: integer(1, 1),
    client: optional(string(128)),
    resume: optional(resume),
    keptBytes,
  }),
  subscribe,
  unsubscribe: object({ type: oneOf("unsubscribe"), id: integer(0, 0xffffffff) }),
  /** Writes a writable topic. Exactly one of `value` (encoded as the channel declares) and `base64`. */
  write: object({
    type: oneOf("write"),
    id: sequence,
    topic,
    value: optional(anything),
    base64: optional(string(MAX_CONTROL_BYTES)),
    /** How long to wait for the device's answer to a command. */
    timeoutMs: optional(integer(1, 600_000)),
  }),
  ...shared,
};

/** What a dashboard may say. */
export type DashboardMessage = Of<typeof dashboardMessages[keyof typeof dashboardMessages]>;

const limits = object({
  maxMessageBytes: integer(1),
  maxPayloadBytes: integer(1),
  maxControlBytes: integer(1),
  maxChannels: integer(1),
  maxSubscriptions: integer(1),
  maxPatterns: integer(1),
  maxUnackedBytes: integer(1),
  resumeWithinMs: integer(0),
  idleTimeoutMs: integer(1),
  pingIntervalMs: integer(1),
});

/** Limits of this session, each explained in limits.ts. */
export type AnnouncedLimits = Of<typeof limits>;

const iceServer = object({
  urls: array(string(256), 8),
  username: optional(string(256)),
  credential: optional(string(256)),
});

const welcome = object({
  type: oneOf("welcome"),
  protocol: integer(1, 1),
  /** Id of this gateway, kept for its lifetime. */
  gateway: string(64),
  /** Offsets count within an epoch; a new one begins at each start of the gateway. */
  epoch: string(64),
  session: string(64),
  /** Presented in `hello.resume` to go on with this session. */
  resume: string(128),
  /** Whether the session asked for was taken up again. */
  resumed: boolean,
  /** Gateway's clock, microseconds since 1970. */
  time: microseconds,
  limits,
  /** The device's name (devices only). */
  device: optional(string(64)),
  /** What a dashboard's token lets it read and write. */
  rights: optional(
    object({ read: array(string(MAX_TOPIC_BYTES), 256), write: array(string(MAX_TOPIC_BYTES), 256) }),
  ),
  /** STUN and TURN servers to use. */
  iceServers: optional(array(iceServer, 16)),
  /** Towards devices, from a gateway with WebRTC. */
  keptBytes,
});

/** The gateway's answer to `hello`. */
export type Welcome = Of<typeof welcome>;

const toDevice = {
  welcome,
  /** Answers `advertise`. `last` is the last sequence on disk of an event channel, 0 when none. */
  advertised: object({
    type: oneOf("advertised"),
    channels: array(object({ channel: channelNumber, topic, last: optional(sequence) }), MAX_CHANNELS),
  }),
  /** The enrolment waits for an operator, who sees the same `code`. */
  enrolment: object({ type: oneOf("enrolment"), status: oneOf("pending"), code: string(16) }),
  /** The enrolment was approved; the token is shown this once. `welcome` follows. */
  enrolled: object({ type: oneOf("enrolled"), device: string(64), token: string(128) }),
  ...shared,
};

/** What the gateway may say to a device. */
export type ToDevice = Of<typeof toDevice[keyof typeof toDevice]>;

const channelAnnouncement = object({
  /** Number that data frames use; the gateway chooses it, for all its dashboards alike. */
  channel: integer(0),
  topic,
  class: oneOf("state", "event"),
  encoding: oneOf(...ENCODINGS),
  unit: optional(string(32)),
  fields: optional(array(structField, 256)),
  schema: optional(anything),
  writable: boolean,
  /** Epoch of the offsets that follow. */
  epoch: string(64),
});

/** What a dashboard is told of a topic before its first sample, and again when it changes. */
export type ChannelAnnouncement = Of<typeof channelAnnouncement>;

/** Why samples of a subscription were left out. */
export const SKIP_REASONS = ["rate", "conflated", "stale"] as const;

/** Why a range of offsets cannot be had. */
export const GAP_REASONS = ["retention", "crash", "device", "overload", "epoch"] as const;

/** Why a range of offsets cannot be had. */
export type GapReason = typeof GAP_REASONS[number];

const toDashboard = {
  welcome,
  /** Batches with this `feed` belong to the subscription; sent again when the number changes. */
  subscribed: object({ type: oneOf("subscribed"), id: sequence, feed: integer(1), live: boolean }),
  unsubscribed: object({ type: oneOf("unsubscribed"), id: sequence }),
  channels: object({ type: oneOf("channels"), channels: array(channelAnnouncement, 100_000) }),
  /** Samples `from` to `to`, both included, of an event topic are gone. */
  gap: object({
    type: oneOf("gap"),
    topic,
    epoch: string(64),
    from: sequence,
    to: sequence,
    reason: oneOf(...GAP_REASONS),
  }),
  /** Running totals of state samples left out of a subscription, by reason. */
  skipped: object({ type: oneOf("skipped"), id: sequence, counts: record(sequence, SKIP_REASONS.length) }),
  /** Outcome of a `write`. */
  result: object({
    type: oneOf("result"),
    id: sequence,
    status: oneOf("accepted", "done", "failed", "timeout"),
    message: optional(text),
    value: optional(anything),
  }),
  ...shared,
};

/** What the gateway may say to a dashboard. */
export type ToDashboard = Of<typeof toDashboard[keyof typeof toDashboard]>;

/** Who says what to whom. */
export type Direction =
  | "device-to-gateway"
  | "gateway-to-device"
  | "dashboard-to-gateway"
  | "gateway-to-dashboard";

/** Names of the messages of each direction, for documents and tests that must not leave one out. */
export const MESSAGE_TYPES: Readonly<Record<Direction, readonly string[]>> = {
  "device-to-gateway": Object.keys(deviceMessages),
  "gateway-to-device": Object.keys(toDevice),
  "dashboard-to-gateway": Object.keys(dashboardMessages),
  "gateway-to-dashboard": Object.keys(toDashboard),
};

/** Reads what a device sent; throws as {@link parser} does. */
export const parseDeviceMessage: (message: string) => DeviceMessage = parser(deviceMessages);
/** Reads what a dashboard sent. */
export const parseDashboardMessage: (message: string) => DashboardMessage = parser(dashboardMessages);
/** Reads what the gateway sent to a device; undefined when it is of a type that version 1 did not have yet. */
export const parseToDevice: (message: string) => ToDevice | undefined = lenientParser(toDevice);
/** Reads what the gateway sent to a dashboard; undefined when it is of a type that version 1 did not have yet. */
export const parseToDashboard: (message: string) => ToDashboard | undefined = lenientParser(toDashboard);

/**
 * Limits of protocol version 1. The gateway announces the ones that a peer must keep in `welcome`; each is
 * enforced where the bytes come in, and an error names the actual value beside the limit.
 *
 * @module
 */

/** The application protocol's name in `Sec-WebSocket-Protocol` (RFC 6455 section 1.9). */
export const SUBPROTOCOL = "tidegate.v1";

/** Prefix of the subprotocol entry by which a browser, which cannot set headers, presents its token. */
export const TOKEN_SUBPROTOCOL_PREFIX = "tidegate.token.";

/**
 * Largest WebSocket or DataChannel message, in bytes: large enough to amortise a send, small enough to buffer
 * for thousands of peers.
 */
export const MAX_MESSAGE_BYTES = 262_144;

/**
 * A message on the state lane is filled up to this many bytes: with what SCTP, DTLS, UDP and IP add it stays
 * within one packet of the smallest path that IPv6 allows.
 */
export const STATE_MESSAGE_BYTES = 1_100;

/**
 * Largest payload that goes on the state lane, in bytes, in a message of its own; larger ones take the
 * control lane. Bounds what one message can put into the lane's queue.
 */
export const MAX_STATE_PAYLOAD_BYTES = 8_192;

/** Of each channel a receiver that asked for differences keeps so many values to which they may refer: as many as are under way on a lane of 20 Hz and 150 ms. */
export const KEPT_VALUES = 4;

/** Bytes of such values that we keep for one lane, and the most that we count on at a peer. */
export const BASELINE_BYTES = 1_048_576;

/** A kept value counts as its length and so many bytes, which bounds their number. */
export const KEPT_OVERHEAD_BYTES = 64;

/** Values of a message with differences come to at most so many bytes when they are whole: bounds what a packet can make its receiver do. */
export const MAX_UNPACKED_BYTES = 65_536;

/** Message numbers that one confirmation speaks of, its highest included. */
export const CONFIRM_WINDOW = 257;

/** Largest payload of one sample, in bytes; leaves room for the header and one record header within a message. */
export const MAX_PAYLOAD_BYTES = 131_072;

/** Largest JSON control message, in bytes: a subscription that resumes thousands of topics fits. */
export const MAX_CONTROL_BYTES = 262_144;

/**
 * Deepest nesting of arrays and objects in a control message: some engines' JSON functions recurse, and a
 * deep message would take their stack.
 */
export const MAX_CONTROL_NESTING = 64;

/** Largest `schema` of a channel, in bytes of its JSON; it travels in every announcement of the channel. */
export const MAX_SCHEMA_BYTES = 32_768;

/** Channels that one device may have advertised at a time. */
export const MAX_CHANNELS = 4_096;

/** Topics that one device may ever have advertised: they outlive its sessions, in the gateway's memory and on disk. */
export const MAX_TOPICS_PER_DEVICE = 16_384;

/** Bytes of changed descriptions that a device may advertise at once: 1 KiB for each of {@link MAX_CHANNELS}. */
export const MAX_CHANGED_BYTES = 4_194_304;

/**
 * Bytes of changed descriptions that a device may advertise per second in the long run: they go to all
 * dashboards and to disk.
 */
export const MAX_CHANGED_BYTES_PER_SECOND = 16_384;

/**
 * Subscriptions of one dashboard session that read the recording at a time, the others in turn: each reads
 * pages ahead.
 */
export const MAX_READING = 8;

/** Largest channel number a device may choose: a varint of at most three bytes. */
export const MAX_CHANNEL_NUMBER = 1_048_575;

/** Longest topic in UTF-8 bytes, device name included. */
export const MAX_TOPIC_BYTES = 256;

/** Most levels of a topic or pattern. */
export const MAX_TOPIC_LEVELS = 16;

/** Longest device name in characters. */
export const MAX_DEVICE_NAME = 64;

/** Subscriptions that one dashboard session may hold at a time. */
export const MAX_SUBSCRIPTIONS = 256;

/** Patterns in one subscription. */
export const MAX_PATTERNS = 64;

/**
 * Bytes of event samples that a device may have sent and not yet had acknowledged. Bounds what the gateway
 * holds for it, since Bun has no inbound pause.
 */
export const MAX_UNACKED_BYTES = 4_194_304;

/** How long a session can be taken up again after its connection is lost, in milliseconds. */
export const RESUME_WITHIN_MS = 60_000;

/** A peer that has sent nothing for this long is gone, in milliseconds. */
export const IDLE_TIMEOUT_MS = 30_000;

/** The gateway's application-level ping to a silent peer, in milliseconds; three of them fit into the idle timeout. */
export const PING_INTERVAL_MS = 10_000;

/** Deadline for the first message (`hello`) after the upgrade, in milliseconds. */
export const HELLO_TIMEOUT_MS = 10_000;

/** Offsets and sequence numbers stay exact in every language's double. */
export const MAX_SEQUENCE = Number.MAX_SAFE_INTEGER;

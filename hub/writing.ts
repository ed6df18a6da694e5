/**
 * Writing to devices, as those who write see it.
 *
 * @module
 */
import type { Principal } from "./access.ts";

/** How a write ended. */
export interface WriteResult {
  /**
   * `accepted`: the desired value is kept and reaches the device as soon as it is there. `done` and `failed`:
   * the device's own answer to a command. `timeout`: no answer in time.
   */
  status: "accepted" | "done" | "failed" | "timeout";
  message?: string;
  value?: unknown;
}

/** Why a write was turned down. */
export class WriteRefused extends Error {
  override readonly name = "WriteRefused";

  constructor(
    readonly code:
      | "forbidden"
      | "unknown_topic"
      | "not_writable"
      | "too_large"
      | "bad_payload"
      | "overloaded",
    message: string,
  ) {
    super(message);
  }
}

/** Writes topics that devices have declared writable. */
export interface TopicWriter {
  /**
   * @param payload Encoded as the topic declares; copied.
   * @param timeoutMs How long a command waits for the device's answer; default 10 s.
   * @throws {WriteRefused} when the principal may not, or the topic cannot be written.
   */
  write(principal: Principal, topic: string, payload: Uint8Array, timeoutMs?: number): Promise<WriteResult>;
}

/**
 * What those behind a broker write to the gateway's devices: it goes the way of every other write, in the name of
 * the bridge, which may write whatever a device has declared writable.
 *
 * @module
 */
import type { Principal } from "../../hub/access.ts";
import { WriteRefused, type WriteResult } from "../../hub/writing.ts";
import type { BridgeContext } from "./context.ts";

/** Writes in the name of one bridge. */
export class BridgeWrites {
  readonly #principal: Principal;

  constructor(
    readonly context: Pick<BridgeContext, "writer" | "fault">,
    readonly bridge: string,
  ) {
    this.#principal = {
      role: "operator",
      tokenId: `bridge ${bridge}`,
      label: `MQTT bridge ${bridge}`,
      read: ["#"],
      write: ["#"],
    };
  }

  /** Writes a topic; `told` what came of it, be it a refusal. A fault of ours goes to the log instead. */
  write(topic: string, payload: Uint8Array, told: (result: WriteResult) => void): void {
    this.context.writer.write(this.#principal, topic, payload).then(told, (error) => {
      if (error instanceof WriteRefused) told({ status: "failed", message: error.message });
      else this.context.fault(`bridge ${this.bridge}`, error);
    });
  }
}

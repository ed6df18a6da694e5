/**
 * Base of the runtimes' WebSockets.
 *
 * @module
 */
import { GuardedTransport } from "./guarded.ts";

export type { TransportLimits as WebSocketLimits } from "./guarded.ts";

/** A WebSocket; a subclass moves its bytes on one runtime. */
export abstract class WebSocketTransport extends GuardedTransport {
  readonly kind = "websocket";
}

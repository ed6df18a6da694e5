/**
 * Errors of werift's UDP sockets.
 *
 * werift gives its sockets no listener for errors. Where a peer has gone, its machine answers our next packet with
 * "port unreachable" (RFC 1122 section 4.1.3.3), which Bun emits as an error of the socket; without a listener it would
 * be an uncaught one of the process. That the peer is gone, ICE and the lanes find out by themselves.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import type { RTCPeerConnection } from "werift";

/**
 * Gives the sockets that a connection has by now a listener for errors, once.
 *
 * @param found Told of each of them.
 */
export function tolerateSocketErrors(connection: RTCPeerConnection, found: (socket: object) => void): void {
  const protocols = member(connection.iceTransports[0]?.connection, "protocols");
  for (const protocol of Array.isArray(protocols) ? protocols : []) {
    const socket = member(member(protocol, "transport"), "socket") ??
      member(member(member(protocol, "turn"), "transport"), "socket");
    if (!(socket instanceof EventEmitter) || socket.listenerCount("error") > 0) continue;
    socket.on("error", () => {});
    found(socket);
  }
}

function member(of: unknown, name: string): unknown {
  return typeof of === "object" && of !== null ? (of as Record<string, unknown>)[name] : undefined;
}

/**
 * What carries an MQTT client's bytes: a TCP or TLS socket, or one of the gateway's own transports.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Duplex, duplexPair } from "node:stream";
import type { Socket } from "node:net";
import type { Principal } from "../../hub/access.ts";
import { CLOSE } from "../../protocol/close_codes.ts";
import type { Accept, Traffic } from "../../transport/transport.ts";

/** One connection to the broker. */
export interface BrokerConnection {
  readonly stream: Duplex;
  readonly remote: string;
  /** Who it is, where that needs no proof: a part of the gateway itself. */
  readonly principal?: Principal;
  /** Bytes each way; messages are counted by the broker. */
  traffic(): Pick<Traffic, "bytesIn" | "bytesOut">;
}

/**
 * Makes `read()` hand over all that has come in. The broker's library reads once for each `readable` event and
 * takes that for everything, whereas streams hand over chunk by chunk: a packet in two chunks would wait for ever.
 */
function readingWhole<S extends Duplex>(stream: S): S {
  const read = stream.read.bind(stream);
  stream.read = (size?: number | null) => {
    if (size !== undefined && size !== null) return read(size);
    const chunks: Uint8Array[] = [];
    for (let chunk = read(); chunk !== null; chunk = read()) chunks.push(chunk);
    return chunks.length > 1 ? Buffer.concat(chunks) : chunks[0] ?? null;
  };
  return stream;
}

/** A socket as a connection. */
export function socketConnection(socket: Socket): BrokerConnection {
  const address = socket.remoteAddress ?? "unknown";
  const host = address.includes(":") ? `[${address}]` : address;
  return {
    stream: readingWhole(socket),
    remote: `${host}:${socket.remotePort ?? 0}`,
    traffic: () => ({ bytesIn: socket.bytesRead, bytesOut: socket.bytesWritten }),
  };
}

/** A connection within the gateway, and its other end. */
export function ownConnection(principal: Principal): { connection: BrokerConnection; end: Duplex } {
  const [end, stream] = duplexPair();
  const traffic = () => ({ bytesIn: 0, bytesOut: 0 });
  return { connection: { stream: readingWhole(stream), remote: "the gateway", principal, traffic }, end };
}

/** A transport with more than this waiting takes nothing more for now, in bytes. */
const HIGH_WATER_BYTES = 1_048_576;

/** How often a full transport is looked at again, in milliseconds: Deno's WebSocket has no event for it. */
const RETRY_MS = 5;

/**
 * MQTT over WebSocket (MQTT 3.1.1 section 6): the transport's binary messages are a stream of bytes, cut
 * anywhere.
 */
export function transportConnection(connected: (connection: BrokerConnection) => void): Accept {
  return (transport) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const send = (bytes: Uint8Array, done: (error?: Error | null) => void): void => {
      if (!transport.open) return done(new Error("the WebSocket is closed"));
      if (transport.bufferedBytes > HIGH_WATER_BYTES) {
        timer = setTimeout(() => send(bytes, done), RETRY_MS);
        return;
      }
      done(transport.send(bytes) ? null : new Error("the WebSocket refused a message"));
    };
    const stream = readingWhole(
      new Duplex({
        read: () => {},
        write: (chunk: Uint8Array, _encoding, done) => send(chunk, done),
        writev: (chunks, done) => send(Buffer.concat(chunks.map(({ chunk }) => chunk as Uint8Array)), done),
        final: (done) => {
          transport.close(CLOSE.normal);
          done();
        },
        destroy: (error, done) => {
          clearTimeout(timer);
          transport.close(CLOSE.normal);
          done(error);
        },
      }),
    );
    connected({ stream, remote: transport.remote, traffic: () => transport.traffic });
    return {
      binary: (bytes) => void stream.push(bytes.slice()),
      // MQTT 3.1.1 section 6.0: a text frame ends the connection.
      text: () => transport.close(CLOSE.badFrame, "MQTT travels in binary messages"),
      closed: () => void stream.destroy(),
    };
  };
}

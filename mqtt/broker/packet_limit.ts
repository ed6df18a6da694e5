/**
 * Bounds what the broker gathers of one packet: MQTT allows 256 MiB, and the broker's library waits for all of it
 * whoever sends it.
 *
 * @module
 */
import type { Client } from "aedes";
import { MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";

/** The part of the library's packet parser that says how long the packet is that it waits for. */
interface PacketParser {
  packet: { length: number };
  parse(bytes: Uint8Array): number;
}

/** Ends the connection of a client that announces a packet above the limit, before it is gathered. */
export function limitPackets(client: Client, refuse: (bytes: number) => void): void {
  const parser = (client as Client & { _parser?: Partial<PacketParser> })._parser;
  if (typeof parser?.parse !== "function") {
    throw new Error("the MQTT broker's library has no packet parser where it is expected");
  }
  const parse = parser.parse;
  parser.parse = function (this: PacketParser, bytes) {
    const left = parse.call(this, bytes);
    if (this.packet.length > MAX_MESSAGE_BYTES) refuse(this.packet.length);
    return left;
  };
}

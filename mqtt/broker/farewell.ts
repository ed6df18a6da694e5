/**
 * The end of the broker in good order: its library destroys each connection with what was written and has not left,
 * which would keep the last words from their readers.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { within } from "../within.ts";
import type { MqttPeer } from "./peer.ts";
import type { SparkplugTree } from "./sparkplug_tree.ts";

/** Time for clients to take what they were sent, in milliseconds: one that reads nothing holds up nobody. */
const FAREWELL_MS = 500;

/** Tells the clients that the gateway goes, and waits until all that they were sent is on its way. */
export async function farewell(
  peers: readonly MqttPeer[],
  sparkplug: SparkplugTree | undefined,
): Promise<void> {
  await within(FAREWELL_MS, sparkplug?.farewell(peers) ?? Promise.resolve());
  // What is gathered in a turn is written at its end.
  await new Promise<void>((next) => setImmediate(next));
  await within(FAREWELL_MS, Promise.all(peers.map(({ connection }) => written(connection.stream))));
}

/** Resolves when everything written so far has left. */
async function written(stream: Duplex): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return;
  await new Promise<void>((left) => stream.write(new Uint8Array(0), () => left()));
}

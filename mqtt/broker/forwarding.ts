/**
 * What the broker's library hands to a client by itself: retained values, what was written for the client, and
 * Sparkplug's messages. Everything else goes past it.
 *
 * @module
 */
import type { AedesPublishPacket } from "aedes";
import { mayRead } from "../../hub/access.ts";
import type { MqttPeer } from "./peer.ts";
import type { SparkplugTree } from "./sparkplug_tree.ts";

/** The packet as the client gets it, or null where it does not. */
export function forwarded(
  peer: MqttPeer | undefined,
  packet: AedesPublishPacket,
  sparkplug: SparkplugTree | undefined,
): AedesPublishPacket | null {
  const { topic } = packet;
  // The library's own topics, and the one where what the hub has taken is put aside, are for nobody.
  if (!peer || topic.startsWith("$")) return null;
  if (sparkplug?.covers(topic)) return sparkplugMessage(peer, packet, sparkplug);
  const { tree, principal } = peer;
  // What was written for the client comes on the topic as it named it.
  if (tree.inward(topic).kind === "foreign") return packet;
  return mayRead(principal, topic.slice(tree.prefix.length)) ? packet : null;
}

/** A slow host finds a number missing and asks for a rebirth (Sparkplug 3.0 section 6.4.3). */
function sparkplugMessage(
  peer: MqttPeer,
  packet: AedesPublishPacket,
  sparkplug: SparkplugTree,
): AedesPublishPacket | null {
  if (!sparkplug.mayRead(peer.principal, packet.topic)) return null;
  if (peer.backlog.behind) {
    peer.dropped("slow_subscriber");
    return null;
  }
  // Identifiers of a kept session's messages are not the library's.
  if (peer.kept) packet.qos = 0;
  return packet;
}

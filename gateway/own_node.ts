/**
 * The gateway as a Sparkplug edge node on its own broker.
 *
 * @module
 */
import type { Principal } from "../hub/access.ts";
import { bridgeSchema } from "../mqtt/bridge/config.ts";
import type { BridgeContext } from "../mqtt/bridge/context.ts";
import { type BrokerConnection, ownConnection } from "../mqtt/broker/connection.ts";
import type { SparkplugConfig } from "../mqtt/sparkplug/config.ts";
import type { EdgeNode } from "../mqtt/sparkplug/edge_node.ts";

/** Who the edge node is there. */
const EDGE_NODE: Principal = {
  role: "operator",
  tokenId: "sparkplug edge node",
  label: "Sparkplug edge node",
  read: ["#"],
  write: ["#"],
};

/**
 * Starts the edge node, over a connection that leaves the gateway nowhere.
 *
 * @param connected Takes the broker's end of a connection; absent without an embedded broker.
 * @throws where there is none.
 */
export async function startOwnNode(
  context: BridgeContext,
  sparkplug: SparkplugConfig,
  connected: ((connection: BrokerConnection) => void) | undefined,
): Promise<EdgeNode> {
  if (!connected) {
    throw new Error(
      "mqtt.sparkplug makes the gateway an edge node on the embedded broker, which is off: give --mqtt-listen an " +
        "address, or name another broker in mqtt.bridges",
    );
  }
  const { EdgeNode } = await import("../mqtt/sparkplug/edge_node.ts");
  const config = bridgeSchema.parse({ url: "mqtt://embedded", version: 4, sparkplug });
  // No bridge of the user's can have that name: it holds a space.
  const node = new EdgeNode(context, { ...config, name: "embedded broker" }, sparkplug, () => {
    const { connection, end } = ownConnection(EDGE_NODE);
    connected(connection);
    return end;
  });
  node.start();
  return node;
}

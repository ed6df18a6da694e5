/**
 * Clients of which one half speaks MQTT and the other the gateway's own protocol.
 *
 * @module
 */
import type { Client } from "./client.ts";
import type { ServerAddress } from "./job.ts";
import { mqttPublisher, mqttSubscriber } from "./mqtt.ts";
import { addDevice, tidegateClient } from "./tidegate.ts";

/** Where the gateway's bridge puts the topics of the bench. */
const BRIDGED = "tidegate/+/+/bench/#";

/** The broker that a job needs. @throws when it has none. */
export function brokerOf(server: ServerAddress): NonNullable<ServerAddress["broker"]> {
  if (!server.broker) throw new Error("the job names no broker");
  return server.broker;
}

/** Devices of the gateway, watched at the broker behind its bridge. */
export function bridgeOutClient(server: ServerAddress): Client {
  return {
    publisher: tidegateClient(server).publisher,
    subscriber: (onSample) => mqttSubscriber(brokerOf(server), BRIDGED, onSample),
  };
}

/** Publishers at the broker behind the bridge, watched by the gateway's dashboards. */
export function bridgeInClient(server: ServerAddress): Client {
  return {
    publisher: (index, shape) => mqttPublisher(brokerOf(server), index, shape),
    subscriber: tidegateClient(server).subscriber,
  };
}

/** MQTT devices at the embedded broker, watched by the gateway's dashboards. */
export function mqttInClient(server: ServerAddress): Client {
  return {
    async publisher(index, shape) {
      const user = `bench-${index}`;
      const password = await addDevice(server, user);
      return await mqttPublisher(
        { host: server.host, port: server.mqttPort ?? 0, login: { user, password } },
        index,
        shape,
      );
    },
    subscriber: tidegateClient(server).subscriber,
  };
}

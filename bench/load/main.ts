/**
 * The load generator: one job as its argument, one result as its output. Runs on Bun, whose sockets cost the
 * least; a server never shares its core.
 *
 * @module
 */
import process from "node:process";
import { bridgeInClient, bridgeOutClient, mqttInClient } from "./bridge.ts";
import type { Client } from "./client.ts";
import { runDrain, runFill } from "./drain.ts";
import { runFlow } from "./flow.ts";
import { runIdle } from "./idle.ts";
import type { LoadJob, ServerAddress } from "./job.ts";
import { mqttClient } from "./mqtt.ts";
import { natsClient } from "./nats.ts";
import { signalkClient } from "./signalk.ts";
import { tidegateClient } from "./tidegate.ts";

function clientFor(server: ServerAddress): Client {
  switch (server.protocol) {
    case "tidegate":
      return tidegateClient(server);
    case "nats":
      return natsClient(server);
    case "signalk":
      return signalkClient(server);
    case "mqtt":
    case "mqtt-websocket":
      return mqttClient(server);
    case "mqtt-in":
      return mqttInClient(server);
    case "bridge-in":
      return bridgeInClient(server);
    case "bridge-out":
      return bridgeOutClient(server);
  }
}

function run(job: LoadJob): Promise<object> {
  switch (job.kind) {
    case "flow":
      return runFlow(clientFor(job.server), job);
    case "idle":
      return runIdle(job);
    case "fill":
      return runFill(job);
    case "drain":
      return runDrain(job);
  }
}

const job: LoadJob = JSON.parse(process.argv[2] ?? "");
console.log(JSON.stringify(await run(job)));
process.exit(0);

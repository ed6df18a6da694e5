/**
 * The load generator: one job as its argument, one result as its output. Runs on Bun, whose sockets cost the
 * least; a server never shares its core.
 *
 * @module
 */
import process from "node:process";
import type { Client } from "./client.ts";
import { runFlow } from "./flow.ts";
import { runIdle } from "./idle.ts";
import type { LoadJob, ServerAddress } from "./job.ts";
import { mqttClient } from "./mqtt.ts";
import { natsClient } from "./nats.ts";
import { tidegateClient } from "./tidegate.ts";

function clientFor(server: ServerAddress): Client {
  switch (server.protocol) {
    case "tidegate":
      return tidegateClient(server);
    case "nats":
      return natsClient(server);
    case "mqtt":
    case "mqtt-websocket":
      return mqttClient(server);
  }
}

const job: LoadJob = JSON.parse(process.argv[2] ?? "");
const result = job.kind === "idle" ? await runIdle(job) : await runFlow(clientFor(job.server), job);
console.log(JSON.stringify(result));
process.exit(0);

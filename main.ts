/**
 * The program: a command line over the gateway, or one of its own worker threads.
 *
 * @module
 */
import { run } from "./cli/mod.ts";
import { runWorker } from "./db/worker.ts";
import { openLocalApi } from "./gateway/local.ts";
import { startGateway } from "./gateway/start.ts";
import { currentRuntime } from "./runtime/mod.ts";

const runtime = currentRuntime();

if (runtime.workerRole !== undefined) {
  if (!runWorker(runtime.workerRole)) throw new Error(`no worker has the role ${runtime.workerRole}`);
} else {
  const code = await run(runtime, runtime.args, {
    startGateway: (settings) => startGateway(runtime, settings),
    openLocalApi,
  });
  runtime.exit(code);
}

/**
 * The program: a command line over the gateway, or one of its own worker threads.
 *
 * Each loads only its own part. A worker thread is this same module, and evaluating the whole program in each
 * would cost more than all else that a start does.
 *
 * @module
 */
import { currentRuntime } from "./runtime/mod.ts";

const runtime = currentRuntime();

if (runtime.workerRole !== undefined) {
  const { runWorker } = await import("./db/worker.ts");
  if (!runWorker(runtime.workerRole)) throw new Error(`no worker has the role ${runtime.workerRole}`);
} else {
  const { run } = await import("./cli/mod.ts");
  const code = await run(runtime, runtime.args, {
    startGateway: async (settings) => {
      const { startGateway } = await import("./gateway/start.ts");
      return await startGateway(runtime, settings);
    },
    openLocalApi: async (dataDir) => {
      const { openLocalApi } = await import("./gateway/local.ts");
      return await openLocalApi(dataDir);
    },
    openVerifyWorld: async () => {
      const { openVerifyWorld } = await import("./gateway/verify_world.ts");
      return await openVerifyWorld();
    },
  });
  runtime.exit(code);
}

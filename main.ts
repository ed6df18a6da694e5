/**
 * The program: a command line over the gateway. Each command loads only its own part.
 *
 * @module
 */
import { run } from "./cli/mod.ts";
import { databaseThreads } from "./gateway/threads.ts";
import { currentRuntime } from "./runtime/mod.ts";

const runtime = currentRuntime();
const code = await run(runtime, runtime.args, {
  startGateway: async (settings) => {
    const startThread = databaseThreads(runtime); // they load while this thread does
    const { startGateway } = await import("./gateway/start.ts");
    return await startGateway(runtime, settings, startThread);
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

/**
 * A program that shows what the runtime tells it: started as a worker it reports its role, on the main thread
 * it prints that report with its arguments and environment, and leaves with code 7 on a stop signal.
 *
 * @module
 */
import { currentRuntime } from "../../runtime/mod.ts";

const runtime = currentRuntime();
if (runtime.workerRole !== undefined) {
  (globalThis as unknown as Worker).postMessage(`worker in the role of ${runtime.workerRole}`);
} else {
  const alive = setInterval(() => {}, 60_000);
  const worker = runtime.startWorker("recorder");
  worker.onmessage = ({ data }) => {
    const { name, args } = runtime;
    console.log(JSON.stringify({ name, args, env: runtime.env("TEST_VALUE"), worker: data }));
    worker.terminate();
  };
  runtime.onStopSignal((signal) => {
    console.log(signal);
    clearInterval(alive);
    runtime.exit(7);
  });
}

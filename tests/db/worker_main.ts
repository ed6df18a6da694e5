/** What a worker of the tests runs. */
import { runWorker } from "../../db/worker.ts";
import { currentRuntime } from "../../runtime/mod.ts";

runWorker(currentRuntime().workerRole ?? "none");

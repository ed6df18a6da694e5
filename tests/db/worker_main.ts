/** What a worker of the tests runs; its name is its role. */
import { runWorker } from "../../db/worker.ts";

runWorker((globalThis as unknown as { name: string }).name);

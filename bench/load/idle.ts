/**
 * Devices that connect and stay silent.
 *
 * @module
 */
import { memoryBytes } from "../proc.ts";
import type { IdleJob, IdleResult } from "./job.ts";
import { addDevice, connectDevice } from "./tidegate.ts";

/** Devices that connect at a time. */
const AT_A_TIME = 50;

/** Time for the server's collector to come by, in milliseconds. */
const SETTLE_MS = 3_000;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs a job. */
export async function runIdle(job: IdleJob): Promise<IdleResult> {
  const { server } = job;
  const tokens: string[] = [];
  const all = job.before + job.devices;
  while (tokens.length < all) {
    const names = Array.from(
      { length: Math.min(AT_A_TIME, all - tokens.length) },
      (_, i) => tokens.length + i,
    );
    tokens.push(...await Promise.all(names.map((i) => addDevice(server, `idle-${i}`))));
  }
  await connectAll(tokens.slice(0, job.before));
  await wait(SETTLE_MS);
  const memoryBefore = memoryBytes(server.pid);
  const startMs = performance.now();
  await connectAll(tokens.slice(job.before));
  const connectSeconds = (performance.now() - startMs) / 1_000;
  await wait(SETTLE_MS);
  return { devices: job.devices, connectSeconds, memoryBefore, memoryAfter: memoryBytes(server.pid) };

  async function connectAll(some: string[]): Promise<void> {
    for (let i = 0; i < some.length; i += AT_A_TIME) {
      await Promise.all(
        some.slice(i, i + AT_A_TIME).map((token) => connectDevice(server, token, { topics: 1 })),
      );
    }
  }
}

/**
 * Thousands of devices that are connected and silent.
 *
 * @module
 */
import { type Effort, idle } from "../measure.ts";
import { figure, type Row } from "../report/row.ts";
import { GATEWAYS } from "../servers.ts";

/**
 * Devices that connect before memory is first looked at: with few, the heap is still finding its size, and what a
 * thousand handshakes leave for the collector counts as the devices'.
 */
const BEFORE = 1_000;

/** What is left of a device that says nothing. */
const SESSION_PARTS = "the runtime's socket, and the session's parts and closures";

/** Memory of one silent device. */
export async function idleDevices(effort: Effort): Promise<Row[]> {
  const devices = effort.quick ? 1_000 : 5_000;
  const rows: Row[] = [];
  const { deno, bun, executable } = GATEWAYS;
  const limits = [[deno, 30], [bun, 8], ...effort.quick ? [] : [[executable, 8] as const]] as const;
  for (const [server, limit] of limits) {
    effort.progress(`silent devices: ${server.name}`);
    const running = await server.start();
    try {
      const result = await idle(running, devices, BEFORE);
      const each = (result.memoryAfter - result.memoryBefore) / 1_024 / devices;
      rows.push({
        workload: "silent devices",
        server: server.name,
        parameters: `${devices} devices with one channel each`,
        figures: {
          kibEach: figure([each]),
          connectsPerSecond: figure([devices / result.connectSeconds]),
          memoryMiB: figure([result.memoryAfter / 1_048_576]),
        },
        targets: [{
          goal: `at most ${limit} KB a device`,
          reached: `${each.toFixed(1)} KB`,
          met: each <= limit,
          bound: SESSION_PARTS,
        }],
        notes: [],
      });
    } finally {
      await running.stop();
    }
  }
  return rows;
}

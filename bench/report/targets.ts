/**
 * All targets of a run in one table: what was asked for, and what each server came to.
 *
 * @module
 */
import type { Row, Target } from "./row.ts";

/** One target, under one workload, for all servers that have it. */
export interface Judged {
  workload: string;
  goal: string;
  /** What each server came to, by its name. */
  servers: ReadonlyMap<string, Target>;
}

/** The targets of `rows`, in their order. A workload with several parameters has its targets for each of them. */
export function judged(rows: readonly Row[]): Judged[] {
  const found: Judged[] = [];
  const goals = Map.groupBy(
    rows.flatMap((row) => row.targets.map((target) => ({ row, target }))),
    ({ row, target }) => `${row.workload}\n${target.goal}`,
  );
  for (const same of goals.values()) {
    const servers = new Set(same.map(({ row }) => row.server));
    const split = servers.size < same.length;
    for (const some of Map.groupBy(same, ({ row }) => split ? row.parameters : "").values()) {
      const { row, target } = some[0]!;
      found.push({
        workload: split ? `${row.workload}, ${row.parameters}` : row.workload,
        goal: target.goal,
        servers: new Map(some.map(({ row, target }) => [row.server, target])),
      });
    }
  }
  return found;
}

/**
 * The cells of the table, a head first, and below it why what is missed is missed.
 *
 * @param mark How a figure that misses its target is written.
 */
export function targetCells(rows: readonly Row[], mark: (reached: string) => string): {
  cells: string[][];
  reasons: string[];
} {
  const all = judged(rows);
  const servers = [...new Set(all.flatMap((one) => [...one.servers.keys()]))];
  const cells = [["workload", "target", ...servers]];
  const reasons: string[] = [];
  for (const { workload, goal, servers: by } of all) {
    cells.push([
      workload,
      goal,
      ...servers.map((server) => {
        const target = by.get(server);
        return target ? target.met ? target.reached : mark(target.reached) : "–";
      }),
    ]);
    const missed = [...by.values()].find((target) => !target.met);
    if (missed) reasons.push(`${workload}, ${goal}: ${missed.bound ?? "not explained"}`);
  }
  return { cells, reasons };
}

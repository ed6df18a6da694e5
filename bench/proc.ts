/**
 * What a process costs, from /proc.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";

/** Ticks a second of the times in /proc; fixed by Linux's interface. */
const TICKS = 100;

/** Fields of /proc/PID/stat behind the name, which may hold spaces. */
function fields(path: string): { name: string; rest: string[] } {
  const text = readFileSync(path, "utf8");
  const end = text.lastIndexOf(")");
  return { name: text.slice(text.indexOf("(") + 1, end), rest: text.slice(end + 2).split(" ") };
}

/** CPU seconds of a process: all its threads, those that ended included, and children that it has waited for. */
export function cpuSeconds(pid: number): number {
  const { rest } = fields(`/proc/${pid}/stat`);
  return [11, 12, 13, 14].reduce((sum, i) => sum + Number(rest[i]), 0) / TICKS;
}

/** What one thread did so far, in seconds. */
export interface ThreadTime {
  name: string;
  /** On a core. */
  cpu: number;
  /** Ready, but without a core: others had it. */
  waited: number;
}

/** Each thread of a process, by id, in nanosecond resolution. */
export function threadTimes(pid: number): Map<string, ThreadTime> {
  const times = new Map<string, ThreadTime>();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [cpu, waited] = readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ");
      const { name } = fields(`/proc/${pid}/task/${id}/stat`);
      times.set(id, { name, cpu: Number(cpu) / 1e9, waited: Number(waited) / 1e9 });
    } catch {
      // The thread ended meanwhile.
    }
  }
  return times;
}

/** Resident memory in bytes. */
export function memoryBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** The machine's load average of the last minute. */
export function loadAverage(): number {
  return Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]);
}

/**
 * Where the machine's figures come from: the kernel's files on Linux, the runtime's own calls elsewhere.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import { cpus, freemem, loadavg, totalmem, uptime } from "node:os";
import type { ReadFiles } from "./host_files.ts";
import {
  type CpuTimes,
  type DiskCounters,
  type Memory,
  type NetworkCounters,
  parseDiskstats,
  parseLoadavg,
  parseMeminfo,
  parseMounts,
  parseNetDev,
  parseStat,
  parseTemperature,
  parseUptime,
} from "./proc.ts";

/** Figures that change from moment to moment. */
export interface FastFigures {
  /** The sum first, then each CPU. */
  cpus: CpuTimes[];
  memory?: Memory;
  network: Map<string, NetworkCounters>;
  disks: Map<string, DiskCounters>;
}

/** Figures that change over seconds. */
export interface SlowFigures {
  load?: readonly [number, number, number];
  uptimeSeconds?: number;
  /** Degrees Celsius by sensor. */
  temperatures: Map<string, number>;
  filesystems: Map<string, { totalBytes: number; freeBytes: number }>;
}

/** Supplies figures of this machine. */
export interface FigureSource {
  fast(): Promise<FastFigures>;
  slow(): Promise<SlowFigures>;
}

const FAST_FILES = ["/proc/stat", "/proc/meminfo", "/proc/net/dev", "/proc/diskstats"] as const;

/** More zones than any machine that this was tried on has. */
const ZONES = Array.from({ length: 16 }, (_, i) => `/sys/class/thermal/thermal_zone${i}`);
const SLOW_FILES = ["/proc/loadavg", "/proc/uptime", "/proc/self/mounts"] as const;

/** Linux, by the kernel's files. `extraPath` adds the file system that holds it, e.g. the data folder's. */
export function linuxSource(read: ReadFiles, extraPath?: string): FigureSource {
  let zones = ZONES;
  return {
    async fast() {
      const texts = await read(FAST_FILES);
      const memory = parseMeminfo(texts.get("/proc/meminfo") ?? "");
      return {
        cpus: parseStat(texts.get("/proc/stat") ?? ""),
        ...(memory ? { memory } : {}),
        network: parseNetDev(texts.get("/proc/net/dev") ?? ""),
        disks: parseDiskstats(texts.get("/proc/diskstats") ?? ""),
      };
    },
    async slow() {
      const texts = await read([...SLOW_FILES, ...zones.flatMap((zone) => [`${zone}/type`, `${zone}/temp`])]);
      zones = zones.filter((zone) => texts.has(`${zone}/temp`));
      const load = parseLoadavg(texts.get("/proc/loadavg") ?? "");
      const seconds = parseUptime(texts.get("/proc/uptime") ?? "");
      const mounts = parseMounts(texts.get("/proc/self/mounts") ?? "");
      return {
        ...(load ? { load } : {}),
        ...(seconds === undefined ? {} : { uptimeSeconds: seconds }),
        temperatures: temperaturesIn(texts, zones),
        filesystems: await usage(mounts, extraPath),
      };
    },
  };
}

function temperaturesIn(texts: ReadonlyMap<string, string>, zones: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const zone of zones) {
    const celsius = parseTemperature(texts.get(`${zone}/temp`) ?? "");
    const type = texts.get(`${zone}/type`)?.trim() || "zone";
    const name = found.has(type) ? `${type}-${zone.slice(ZONES[0]!.length - 1)}` : type;
    if (celsius !== undefined) found.set(name, celsius);
  }
  return found;
}

/** Size and free space by mount point; those that may not be asked are left out. */
async function usage(mounts: readonly string[], extraPath?: string): Promise<SlowFigures["filesystems"]> {
  const found: SlowFigures["filesystems"] = new Map();
  const add = async (name: string, path: string) => {
    try {
      const { blocks, bavail, bsize } = await statfs(path);
      if (blocks > 0) found.set(name, { totalBytes: blocks * bsize, freeBytes: bavail * bsize });
    } catch {
      // No permission, or gone since: left out.
    }
  };
  for (const mount of mounts) await add(mount, mount);
  if (found.size === 0 && extraPath !== undefined) await add("data", extraPath);
  return found;
}

/** Any system, by the calls that every runtime has: CPUs, memory, load and uptime. */
export function portableSource(extraPath?: string): FigureSource {
  return {
    fast() {
      const each = cpus().map(({ times }): CpuTimes => ({
        user: times.user + times.nice,
        system: times.sys + times.irq,
        iowait: 0,
        steal: 0,
        idle: times.idle,
      }));
      const memory = { total: totalmem(), available: freemem(), cached: 0, swapTotal: 0, swapFree: 0 };
      return Promise.resolve({
        cpus: [sum(each), ...each],
        memory,
        network: new Map<string, NetworkCounters>(),
        disks: new Map<string, DiskCounters>(),
      });
    },
    async slow() {
      const [one = 0, five = 0, fifteen = 0] = loadavg();
      return {
        load: [one, five, fifteen],
        uptimeSeconds: uptime(),
        temperatures: new Map(),
        filesystems: await usage([], extraPath),
      };
    },
  };
}

function sum(each: readonly CpuTimes[]): CpuTimes {
  const total = { user: 0, system: 0, iowait: 0, steal: 0, idle: 0 };
  for (const times of each) {
    for (const key of Object.keys(total) as (keyof CpuTimes)[]) total[key] += times[key];
  }
  return total;
}

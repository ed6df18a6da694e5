/**
 * Parsers of the texts in /proc and /sys (proc(5)). Pure; what a kernel leaves out is left out here.
 *
 * @module
 */

/** Time a CPU has spent, in ticks or any unit that grows evenly. */
export interface CpuTimes {
  user: number;
  system: number;
  /** Waiting for a disk, and doing nothing else. */
  iowait: number;
  /** Taken by the hypervisor for others. */
  steal: number;
  idle: number;
}

/** `/proc/stat`: the sum over all CPUs first, then each CPU. `guest` is already part of `user`. */
export function parseStat(text: string): CpuTimes[] {
  const cpus: CpuTimes[] = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith("cpu")) continue;
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = line
      .trim().split(/\s+/).slice(1).map(Number);
    cpus.push({ user: user + nice, system: system + irq + softirq, iowait, steal, idle });
  }
  return cpus;
}

/** Memory in bytes. */
export interface Memory {
  total: number;
  /** What programs could still get without swapping. */
  available: number;
  /** Page cache and buffers. */
  cached: number;
  swapTotal: number;
  swapFree: number;
}

/** `/proc/meminfo`, whose `kB` are 1,024 bytes. Kernels before 3.14 have no MemAvailable; free and cache stand in. */
export function parseMeminfo(text: string): Memory | undefined {
  const kib = new Map<string, number>();
  for (const [, name, value] of text.matchAll(/^(\S+):\s+(\d+)/gm)) kib.set(name!, Number(value) * 1024);
  const total = kib.get("MemTotal");
  if (total === undefined) return undefined;
  const cached = (kib.get("Cached") ?? 0) + (kib.get("Buffers") ?? 0) + (kib.get("SReclaimable") ?? 0);
  return {
    total,
    available: kib.get("MemAvailable") ?? (kib.get("MemFree") ?? 0) + cached,
    cached,
    swapTotal: kib.get("SwapTotal") ?? 0,
    swapFree: kib.get("SwapFree") ?? 0,
  };
}

/** Bytes that an interface has received and sent since it came up. */
export interface NetworkCounters {
  received: number;
  sent: number;
}

/** `/proc/net/dev`, without the loopback and without interfaces that never carried anything. */
export function parseNetDev(text: string): Map<string, NetworkCounters> {
  const interfaces = new Map<string, NetworkCounters>();
  for (const [, name, rest] of text.matchAll(/^\s*([^\s:|]+):\s*(.+)$/gm)) {
    const columns = rest!.trim().split(/\s+/).map(Number);
    const counters = { received: columns[0] ?? 0, sent: columns[8] ?? 0 };
    if (name !== "lo" && counters.received + counters.sent > 0) interfaces.set(name!, counters);
  }
  return interfaces;
}

/** Bytes that a disk has read and written since the start. */
export interface DiskCounters {
  read: number;
  written: number;
}

/** Whole disks; partitions, loop and RAM devices and mappings would count the same bytes twice. */
const WHOLE_DISK = /^(?:[shv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)$/;

/** The kernel counts in sectors of 512 bytes whatever the disk's own are (block/stat.rst). */
const SECTOR_BYTES = 512;

/** `/proc/diskstats`, whole disks that ever moved a byte. */
export function parseDiskstats(text: string): Map<string, DiskCounters> {
  const disks = new Map<string, DiskCounters>();
  for (const line of text.split("\n")) {
    const columns = line.trim().split(/\s+/);
    const name = columns[2];
    if (name === undefined || !WHOLE_DISK.test(name)) continue;
    const counters = {
      read: Number(columns[5]) * SECTOR_BYTES,
      written: Number(columns[9]) * SECTOR_BYTES,
    };
    if (counters.read + counters.written > 0) disks.set(name, counters);
  }
  return disks;
}

/** `/proc/loadavg`: runnable tasks on average over 1, 5 and 15 minutes. */
export function parseLoadavg(text: string): [number, number, number] | undefined {
  const match = /^([\d.]+) ([\d.]+) ([\d.]+)/.exec(text);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : undefined;
}

/** `/proc/uptime`: seconds since the start. */
export function parseUptime(text: string): number | undefined {
  const match = /^([\d.]+)/.exec(text);
  return match ? Number(match[1]) : undefined;
}

/** `/proc/self/mounts`: mount points of real file systems, one for each device. */
export function parseMounts(text: string): string[] {
  const byDevice = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [device = "", point = "", type = ""] = line.split(" ");
    const real = (device.startsWith("/dev/") && !device.startsWith("/dev/loop")) || type === "zfs" ||
      (type === "overlay" && point === "/");
    if (real && !byDevice.has(device)) byDevice.set(device, unescapeMount(point));
  }
  return [...byDevice.values()];
}

/** Blanks in a mount point are written in octal (getmntent(3)). */
function unescapeMount(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** `/sys/class/thermal/thermal_zone…/temp`: thousandths of a degree Celsius. */
export function parseTemperature(text: string): number | undefined {
  const match = /^(-?\d+)\s*$/.exec(text);
  return match ? Number(match[1]) / 1000 : undefined;
}

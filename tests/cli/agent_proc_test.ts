import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findReader, readDirectly, readThroughGrep, splitGrep } from "../../cli/agent/host_files.ts";
import {
  parseDiskstats,
  parseLoadavg,
  parseMeminfo,
  parseMounts,
  parseNetDev,
  parseStat,
  parseTemperature,
  parseUptime,
} from "../../cli/agent/proc.ts";

const STAT = `cpu  10132153 290696 3084719 46828483 16683 0 25195 7 175628 0
cpu0 1393280 32966 572056 13343292 6130 0 17875 3 23933 0
cpu1 100 0 50 850
intr 5930 1 2 3
ctxt 1990473
procs_running 6
`;

const MEMINFO = `MemTotal:       16326056 kB
MemFree:         1042664 kB
MemAvailable:    8541988 kB
Buffers:          402812 kB
Cached:          6900000 kB
SwapTotal:       2097148 kB
SwapFree:        2000000 kB
SReclaimable:     500000 kB
HugePages_Total:       0
`;

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
  ifb0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0: 739193657   26714    0    0    0     0          0         0   913062   12464    0    0    0     0       0          0
wlp2s0:12345678901     1    0    0    0     0          0         0 77 1 0 0 0 0 0 0
`;

const DISKSTATS = `   7       0 loop0 3 0 6 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 39907 11152 3863946 43343 18045 27732 3837168 25208 0 20892 75284 4896 47 118144 6358 3382 372
 259       0 nvme0n1 10 0 16 0 0 0 8 0 0 0 0
 259       1 nvme0n1p1 10 0 16 0 0 0 8 0 0 0 0
   8       0 sda 0 0 0 0 0 0 0 0 0 0 0
   8      17 sdb1 1 0 2 0 0 0 0 0 0 0 0
 253       0 dm-0 9 0 9 0 9 0 9 0 0 0 0
`;

const MOUNTS = `proc /proc proc rw 0 0
/dev/vda / ext4 rw,relatime 0 0
/dev/vda /var/lib/docker ext4 rw 0 0
/dev/loop3 /snap/core squashfs ro 0 0
/dev/sdb1 /mnt/my\\040disk xfs rw 0 0
tank/home /home zfs rw 0 0
tmpfs /run tmpfs rw 0 0
`;

Deno.test("parseStat reads the sum and each CPU, and counts nice as user and interrupts as system", () => {
  const cpus = parseStat(STAT);
  assertEquals(cpus.length, 3);
  assertEquals(cpus[0], {
    user: 10132153 + 290696,
    system: 3084719 + 25195,
    iowait: 16683,
    steal: 7,
    idle: 46828483,
  });
  assertEquals(cpus[2], { user: 100, system: 50, iowait: 0, steal: 0, idle: 850 });
});

Deno.test("parseMeminfo gives bytes", () => {
  assertEquals(parseMeminfo(MEMINFO), {
    total: 16326056 * 1024,
    available: 8541988 * 1024,
    cached: (402812 + 6900000 + 500000) * 1024,
    swapTotal: 2097148 * 1024,
    swapFree: 2000000 * 1024,
  });
});

Deno.test("parseMeminfo estimates what is available on kernels that do not say", () => {
  assertEquals(parseMeminfo("MemTotal: 100 kB\nMemFree: 10 kB\nCached: 20 kB\n")?.available, 30 * 1024);
  assertEquals(parseMeminfo(""), undefined);
});

Deno.test("parseNetDev leaves out loopback and idle interfaces, and reads names stuck to their number", () => {
  assertEquals([...parseNetDev(NET_DEV)], [
    ["eth0", { received: 739193657, sent: 913062 }],
    ["wlp2s0", { received: 12345678901, sent: 77 }],
  ]);
});

Deno.test("parseDiskstats counts whole disks that moved something", () => {
  assertEquals([...parseDiskstats(DISKSTATS)], [
    ["vda", { read: 3863946 * 512, written: 3837168 * 512 }],
    ["nvme0n1", { read: 16 * 512, written: 8 * 512 }],
  ]);
});

Deno.test("parseMounts gives each real file system once, blanks unescaped", () => {
  assertEquals(parseMounts(MOUNTS), ["/", "/mnt/my disk", "/home"]);
});

Deno.test("parseLoadavg, parseUptime and parseTemperature read their one line", () => {
  assertEquals(parseLoadavg("0.52 1.00 12.75 2/345 6789\n"), [0.52, 1, 12.75]);
  assertEquals(parseUptime("12345.67 5432.1\n"), 12345.67);
  assertEquals(parseTemperature("-4500\n"), -4.5);
  assertEquals([parseLoadavg("x"), parseUptime(""), parseTemperature("warm")], [
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("parsers take any text without throwing", () => {
  const parsers = [
    parseStat,
    parseMeminfo,
    parseNetDev,
    parseDiskstats,
    parseMounts,
    parseLoadavg,
    parseUptime,
  ];
  const pieces = fc.constantFrom(STAT, MEMINFO, NET_DEV, DISKSTATS, MOUNTS);
  fc.assert(fc.property(fc.oneof(fc.string(), pieces), fc.nat(400), (text, cut) => {
    for (const parse of parsers) parse(text.slice(cut));
  }));
});

Deno.test("splitGrep takes the files apart again", () => {
  const paths = ["/proc/stat", "/proc/net/dev"];
  const output = "/proc/stat:cpu  1\n/proc/stat:\n/proc/net/dev: lo: 5\n";
  assertEquals([...splitGrep(output, paths)], [["/proc/stat", "cpu  1\n\n"], ["/proc/net/dev", " lo: 5\n"]]);
});

Deno.test("both readers agree, and leave out files that are missing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tidegate-proc-"));
  try {
    const paths = ["stat", "mounts", "missing"].map((name) => join(folder, name));
    await writeFile(paths[0]!, STAT);
    await writeFile(paths[1]!, MOUNTS);
    const [direct, grep] = await Promise.all([readDirectly(paths), readThroughGrep(paths)]);
    assertEquals([...direct].sort(), [...grep].sort());
    assertEquals(grep.size, 2);
  } finally {
    await rm(folder, { recursive: true });
  }
});

Deno.test("findReader passes over readers that get nothing", async () => {
  const nothing = () => Promise.resolve(new Map<string, string>());
  const works = () => Promise.resolve(new Map([["/proc/stat", STAT]]));
  assertEquals(await findReader([nothing, works]), works);
  assertEquals(await findReader([nothing]), undefined);
});

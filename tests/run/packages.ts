/**
 * The programs from Debian that tests need beside Deno and Bun, in one place, each with its reason.
 *
 * @module
 */
import { run, succeeds } from "./process.ts";

/** One Debian package and how to see that what it brings is there, wherever it came from. */
export interface SystemPackage {
  name: string;
  /** What the tests do with it. */
  why: string;
  /** A command that it puts on the PATH, or a module of Debian's Python. */
  probe: { command: string } | { pythonModule: string };
  /** Test folders or files that cannot run without it. */
  neededBy: string[];
}

/** Every package. Tests that need another one add a line. */
export const SYSTEM_PACKAGES: readonly SystemPackage[] = [
  {
    name: "chromium",
    why: "the live page and WebRTC are tested in a real browser",
    probe: { command: "chromium" },
    neededBy: ["tests/web", "tests/rtc/browser_test.ts", "tests/rtc/network", "tests/rtc/relay"],
  },
  {
    name: "python3-websockets",
    why: "a device written in Python from docs/PROTOCOL.md alone",
    probe: { pythonModule: "websockets" },
    neededBy: ["tests/protocol/python", "tests/e2e/python_device_test.ts"],
  },
  {
    name: "python3-aiortc",
    why: "a WebRTC peer that shares no code with ours",
    probe: { pythonModule: "aiortc" },
    neededBy: ["tests/rtc/aiortc"],
  },
  {
    name: "mosquitto",
    why: "a real MQTT 3.1.1 and 5 broker for the bridge",
    probe: { command: "mosquitto" },
    neededBy: ["tests/mqtt"],
  },
  {
    name: "mosquitto-clients",
    why: "independent MQTT publishers and subscribers",
    probe: { command: "mosquitto_sub" },
    neededBy: ["tests/mqtt"],
  },
  {
    name: "nats-server",
    why: "a second MQTT broker, with persistent sessions",
    probe: { command: "nats-server" },
    neededBy: ["tests/mqtt"],
  },
  {
    name: "coturn",
    why: "a TURN server for clients that may only talk to a relay",
    probe: { command: "turnserver" },
    neededBy: ["tests/rtc/relay"],
  },
  {
    name: "nftables",
    why: "drops packets in network namespaces: blocked UDP, dead paths",
    probe: { command: "nft" },
    neededBy: ["tests/rtc/network", "tests/rtc/relay", "tests/support/link"],
  },
  {
    name: "iproute2",
    why: "makes the network namespaces",
    probe: { command: "ip" },
    neededBy: ["tests/rtc/network", "tests/rtc/relay", "tests/support/link"],
  },
];

/** What became of {@link SYSTEM_PACKAGES}. */
export interface PackageReport {
  installed: SystemPackage[];
  missing: SystemPackage[];
  /** Why the missing ones could not be installed. */
  problem: string;
}

const PYTHON = "/usr/bin/python3";

/** Debian puts servers where the PATH of an ordinary user does not look. */
export const SYSTEM_PATH: string = [
  Deno.env.get("PATH") ?? "/usr/bin:/bin",
  "/usr/local/sbin:/usr/sbin:/sbin",
]
  .join(":");

async function present({ probe }: SystemPackage): Promise<boolean> {
  if ("pythonModule" in probe) return await succeeds(PYTHON, ["-c", `import ${probe.pythonModule}`]);
  for (const folder of SYSTEM_PATH.split(":")) {
    try {
      if ((await Deno.stat(`${folder}/${probe.command}`)).isFile) return true;
    } catch {
      // Not in this folder.
    }
  }
  return false;
}

async function missingOf(packages: readonly SystemPackage[]): Promise<SystemPackage[]> {
  const there = await Promise.all(packages.map(present));
  return packages.filter((_, i) => !there[i]);
}

/** Installs packages by name; returns the exit code. A text instead says why that is not possible here. */
export type Installer = ((names: string[]) => Promise<number>) | string;

/** How often the installation is begun: a mirror may be slow, or another program be installing. */
const ATTEMPTS = 3;

/** Wait before it is begun again, in milliseconds. */
const TRY_AGAIN_AFTER_MS = 20_000;

/** apt's patience with a mirror that fails, and with another program that is installing, in seconds. */
const APT_OPTIONS = ["-qq", "-o", "Acquire::Retries=5", "-o", "DPkg::Lock::Timeout=600"];

/** apt-get, where it exists and we are root. */
async function aptInstaller(): Promise<Installer> {
  if (!(await succeeds("apt-get", ["--version"]))) return "this system has no apt-get";
  if (Deno.uid() !== 0) return "only root may install packages";
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  return async (names) => {
    // An installation that was cut off, which keeps apt from any other; does nothing where there was none.
    await run("dpkg", ["--configure", "-a"], { env });
    // A failed update is not the end: the lists that are there may do.
    await run("apt-get", [...APT_OPTIONS, "update"], { env });
    const install = ["-y", "--no-install-recommends", "install", ...names];
    return await run("apt-get", [...APT_OPTIONS, ...install], { env });
  };
}

/** Installs what is missing where that is possible, in several attempts where it has to be. */
export async function ensurePackages(
  packages: readonly SystemPackage[] = SYSTEM_PACKAGES,
  installer: () => Promise<Installer> = aptInstaller,
  pause = () => new Promise<void>((resolve) => setTimeout(resolve, TRY_AGAIN_AFTER_MS)),
): Promise<PackageReport> {
  const wanted = await missingOf(packages);
  if (wanted.length === 0) return { installed: [], missing: [], problem: "" };
  const install = await installer();
  if (typeof install === "string") return { installed: [], missing: wanted, problem: install };
  let missing = wanted;
  let code = 0;
  for (let attempt = 1; attempt <= ATTEMPTS && missing.length > 0; attempt++) {
    if (attempt > 1) await pause();
    const names = missing.map((one) => one.name);
    console.log(`Installing Debian packages: ${names.join(" ")}`);
    code = await install(names);
    missing = await missingOf(missing);
  }
  return {
    installed: wanted.filter((one) => !missing.includes(one)),
    missing,
    problem: missing.length > 0 ? `apt-get install ended with code ${code}, ${ATTEMPTS} times` : "",
  };
}

/** What to tell the person: every missing package, why it is needed, and how to get it. */
export function missingMessage({ missing, problem }: PackageReport): string {
  return [
    `Missing system packages: ${problem}.`,
    ...missing.map(({ name, why, neededBy }) => `  ${name}: ${why}; needed by ${neededBy.join(", ")}`),
    `Install with: apt-get install ${missing.map((one) => one.name).join(" ")}`,
  ].join("\n");
}

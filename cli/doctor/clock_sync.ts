/**
 * Whether this machine's clock follows a time server, as far as files tell. The kernel would know, but none of its
 * files says so, and asking it takes a program of its own.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";

/** What is known. */
export type ClockSync =
  /** `at` is when the service last said so. */
  | { state: "synchronised"; by: string; at: Date }
  /** The service runs and has not reached a server yet. */
  | { state: "waiting"; by: string }
  /** The service is there and does not tell in a file; `ask` is the command that does. */
  | { state: "untold"; by: string; ask: string }
  | { state: "unknown" };

/** A drift file older than this says nothing of today: chrony and ntpd write theirs every hour, in milliseconds. */
const FRESH_MS = 6 * 3_600_000;

/** Services that note how fast the clock runs while they follow a server. */
const DRIFT = [
  {
    by: "chrony",
    runs: "run/chrony",
    drift: ["var/lib/chrony/chrony.drift", "var/lib/chrony/drift"],
    ask: "chronyc tracking",
  },
  {
    by: "ntpd",
    runs: "run/ntpd.pid",
    drift: ["var/lib/ntpsec/ntp.drift", "var/lib/ntp/ntp.drift"],
    ask: "ntpq -p",
  },
] as const;

/** When a file was last written, or undefined where there is none or it may not be seen. */
async function writtenAt(path: string): Promise<Date | undefined> {
  return await stat(path).then(({ mtime }) => mtime, () => undefined);
}

/** Looks. @param root Where the file system begins; another one in tests. */
export async function clockSync(nowMs: number, root = "/"): Promise<ClockSync> {
  // systemd-timesyncd touches this file at each synchronisation (systemd-timesyncd.service(8), "Files").
  const at = await writtenAt(join(root, "run/systemd/timesync/synchronized"));
  if (at) return { state: "synchronised", by: "systemd-timesyncd", at };
  for (const { by, runs, drift, ask } of DRIFT) {
    for (const file of drift) {
      const written = await writtenAt(join(root, file));
      if (written && nowMs - written.getTime() < FRESH_MS) return { state: "synchronised", by, at: written };
    }
    if (await writtenAt(join(root, runs))) return { state: "untold", by, ask };
  }
  if (await writtenAt(join(root, "run/systemd/timesync"))) {
    return { state: "waiting", by: "systemd-timesyncd" };
  }
  return { state: "unknown" };
}

/** The same in words. */
export function syncInWords(sync: ClockSync): string {
  switch (sync.state) {
    case "synchronised":
      return `synchronised by ${sync.by}, last at ${sync.at.toISOString()}`;
    case "waiting":
      return `${sync.by} runs and has not reached a time server`;
    case "untold":
      return `${sync.by} is there; whether it follows a server was not checked, ${sync.ask} tells`;
    case "unknown":
      return "whether it follows a time server could not be checked: no service here tells in a file (in a container, ask its host)";
  }
}

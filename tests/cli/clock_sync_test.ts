import { assert, assertEquals } from "@std/assert";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { clockSync, syncInWords } from "../../cli/doctor/clock_sync.ts";

const NOW = Date.UTC(2026, 5, 1, 12);

/** A file system with these files, each written so many hours ago. */
async function syncOn(files: Record<string, number>) {
  const root = mkdtempSync(join(tmpdir(), "tidegate-clock-"));
  try {
    for (const [path, hours] of Object.entries(files)) {
      const file = join(root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "");
      const at = NOW / 1_000 - hours * 3_600;
      utimesSync(file, at, at);
    }
    return await clockSync(NOW, root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

Deno.test("a clock that follows a server is told by the files of whoever sets it", async () => {
  const timesyncd = await syncOn({ "run/systemd/timesync/synchronized": 30 });
  assertEquals(timesyncd, {
    state: "synchronised",
    by: "systemd-timesyncd",
    at: new Date(NOW - 30 * 3_600_000),
  });
  const chrony = await syncOn({ "run/chrony/chronyd.pid": 900, "var/lib/chrony/chrony.drift": 1 });
  assertEquals([chrony.state, chrony.state === "synchronised" && chrony.by], ["synchronised", "chrony"]);
});

Deno.test("what the files do not tell is said to be unknown, never taken for well", async () => {
  assertEquals((await syncOn({ "run/systemd/timesync/lock": 1 })).state, "waiting");
  const old = await syncOn({ "run/chrony/chronyd.pid": 900, "var/lib/chrony/chrony.drift": 90 });
  assertEquals(old, { state: "untold", by: "chrony", ask: "chronyc tracking" });
  const none = await syncOn({});
  assertEquals(none, { state: "unknown" });
  assert(syncInWords(none).includes("could not be checked"));
});

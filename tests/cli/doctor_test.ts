import { assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { checkClock } from "../../cli/doctor/checks.ts";
import type { Finding } from "../../cli/doctor/finding.ts";
import { FakeParts, tidegate, withFolder } from "./support.ts";

async function doctor(args: string[], parts = new FakeParts(() => [200, { sessions: [] }])) {
  const { code, out } = await tidegate(["doctor", "--json", ...args], { parts });
  const { findings } = JSON.parse(out[0]!) as { findings: Finding[] };
  return { code, of: (check: Finding["check"]) => findings.find((finding) => finding.check === check) };
}

Deno.test("doctor finds nothing wrong with a fresh folder and a free port", async () => {
  await withFolder(async (folder) => {
    const { code, of } = await doctor(["--data", `${folder}/new`, "--listen", "127.0.0.1:0"]);
    assertEquals(code, 0);
    assertEquals(of("settings")?.status, "ok");
    assertStringIncludes(of("data")?.message ?? "", "will be made");
    assertStringIncludes(of("database")?.message ?? "", "none yet");
    assertEquals(of("port")?.status, "ok");
    assertNotEquals(of("clock")?.status ?? "fail", "fail"); // this machine's may not follow a server yet
  });
});

Deno.test("doctor says who to ask about a port that is taken, and exits with 1", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    await withFolder(async (folder) => {
      const { port } = taken.addr;
      const { code, of } = await doctor(["--data", folder, "--listen", `127.0.0.1:${port}`]);
      assertEquals([code, of("port")?.status], [1, "fail"]);
      assertStringIncludes(of("port")?.message ?? "", "taken by another program");
      assertStringIncludes(of("port")?.advice ?? "", `sport = :${port}`);
    });
  } finally {
    taken.close();
  }
});

Deno.test("doctor reports settings that contradict each other, and nothing built on them", async () => {
  const { code, of } = await doctor(["--listen", ":8443"]);
  assertEquals(code, 1);
  assertStringIncludes(of("settings")?.message ?? "", "TLS is off");
  assertEquals(of("port"), undefined);
});

Deno.test("doctor reports certificate files that are missing", async () => {
  await withFolder(async (folder) => {
    const args = [
      "--data",
      folder,
      "--listen",
      "127.0.0.1:0",
      "--tls-cert",
      `${folder}/c.pem`,
      "--tls-key",
      "k.pem",
    ];
    const { code, of } = await doctor(args);
    assertEquals([code, of("tls")?.status], [1, "fail"]);
    assertStringIncludes(of("tls")?.message ?? "", "there is no such file");
  });
});

Deno.test("doctor reports a data folder that is a file, and a database that does not open", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const parts = new FakeParts();
    parts.openLocalApi = () => Promise.reject(new Error("file is not a database"));
    const { code, of } = await doctor(["--data", `${folder}/file`, "--listen", "127.0.0.1:0"], parts);
    assertEquals([code, of("data")?.status, of("database")?.status], [1, "fail", "fail"]);
    assertStringIncludes(of("database")?.message ?? "", "file is not a database");
    assertStringIncludes(of("database")?.advice ?? "", "backup");
  });
});

Deno.test("doctor warns of a recording that may outgrow the disk", async () => {
  await withFolder(async (folder) => {
    const { code, of } = await doctor([
      "--data",
      folder,
      "--listen",
      "127.0.0.1:0",
      "--retention-max-bytes",
      "8000TB",
    ]);
    assertEquals([code, of("disk")?.status], [0, "warn"]);
  });
});

Deno.test("checkClock tells an unset clock and one that differs from the gateway's", () => {
  const now = Date.UTC(2026, 5, 1);
  const unknown = { state: "unknown" } as const;
  assertEquals(checkClock(0, undefined, unknown).status, "fail");
  assertEquals(checkClock(now, undefined, unknown).status, "ok");
  assertEquals(checkClock(now, now - 1_900, unknown).status, "ok");
  assertEquals(checkClock(now, now + 60_000, unknown).status, "warn");
  assertEquals(checkClock(now, undefined, { state: "waiting", by: "systemd-timesyncd" }).status, "warn");
});

Deno.test("doctor --running fails when no gateway runs over the folder", async () => {
  await withFolder(async (folder) => {
    const { code, of } = await doctor(["--running", "--data", folder]);
    assertEquals([code, of("gateway")?.status], [1, "fail"]);
  });
});

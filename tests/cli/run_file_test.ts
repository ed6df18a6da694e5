import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { liveRun } from "../../cli/probe.ts";
import { readRunFile, removeRunFile, type RunState, writeRunFile } from "../../cli/run_file.ts";
import { FakeIo, FakeParts, FakeRuntime, tidegate, withFolder } from "./support.ts";

const state = (change: Partial<RunState> = {}): RunState => ({
  url: "http://127.0.0.1:1",
  pid: 42,
  token: "tg_run",
  startedAt: "2026-01-31T00:00:00Z",
  ...change,
});

/** A gateway that knows the token of the run. */
function gateway(token = "tg_run") {
  return Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) =>
      request.headers.get("authorization") === `Bearer ${token}`
        ? Response.json({ tokens: [], devices: [], enrolments: [] })
        : Response.json({ title: "A valid token is needed" }, { status: 401 }),
  );
}

Deno.test("the run file is its owner's only and comes back as written", async () => {
  await withFolder(async (folder) => {
    await writeRunFile(folder, state());
    assertEquals((await stat(join(folder, "run.json"))).mode & 0o777, 0o600);
    assertEquals(await readRunFile(folder), state());
  });
});

Deno.test("the run file is removed by the process that wrote it only", async () => {
  await withFolder(async (folder) => {
    await writeRunFile(folder, state());
    await removeRunFile(folder, 43);
    assertEquals((await readRunFile(folder))?.pid, 42);
    await removeRunFile(folder, 42);
    assertEquals(await readRunFile(folder), undefined);
  });
});

Deno.test("a run file that is cut or of another form counts as none", async () => {
  await withFolder(async (folder) => {
    for (const text of ["", "{", "null", "[]", `{"url":"http://x"}`]) {
      await Deno.writeTextFile(join(folder, "run.json"), text);
      assertEquals(await readRunFile(folder), undefined);
    }
  });
});

Deno.test("liveRun finds the gateway that answers with the run's token, and no other", async () => {
  const server = gateway();
  try {
    await withFolder(async (folder) => {
      const url = `http://127.0.0.1:${server.addr.port}`;
      await writeRunFile(folder, state({ url }));
      assertEquals((await liveRun(folder))?.url, url);
      await writeRunFile(folder, state({ url, token: "tg_of_an_earlier_run" }));
      assertEquals(await liveRun(folder), undefined);
    });
  } finally {
    await server.shutdown();
  }
});

Deno.test("commands go to the gateway that runs, and to its database once it is gone", async () => {
  await withFolder(async (folder) => {
    const server = gateway();
    await writeRunFile(folder, state({ url: `http://127.0.0.1:${server.addr.port}` }));
    const parts = new FakeParts(() => [200, { devices: [] }]);
    const env = { TIDEGATE_URL: "http://127.0.0.1:1", TIDEGATE_TOKEN: "tg_of_another_gateway" };
    assertEquals((await tidegate(["device", "list", "--data", folder], { parts, env })).code, 0);
    assertEquals(parts.seen.length, 0);
    await server.shutdown();
    assertEquals((await tidegate(["device", "list", "--data", folder], { parts })).code, 0);
    assertEquals(parts.seen.length, 1);
  });
});

Deno.test("an address where nobody answers exits with 3, a wrong token with 4", async () => {
  const server = gateway();
  const url = `http://127.0.0.1:${server.addr.port}`;
  const refused = await tidegate(["token", "list", "--url", url, "--token", "tg_wrong"]);
  assertEquals([refused.code, refused.err], [4, ["tidegate: A valid token is needed"]]);
  const known = await tidegate(["token", "list", "--json"], {
    env: { TIDEGATE_URL: url, TIDEGATE_TOKEN: "tg_run" },
  });
  assertEquals(JSON.parse(known.out[0]!), { tokens: [] });
  await server.shutdown();
  const gone = await tidegate(["token", "list", "--url", url, "--token", "tg_run"]);
  assertEquals(gone.code, 3);
  assertStringIncludes(gone.err[0]!, `no gateway answers at ${url}`);
  assert(!gone.err[0]!.endsWith("fetch failed"), "it says why");
});

/** Starts `serve` over a fake gateway; resolves once it has announced itself. */
async function serving(folder: string, args: string[] = [], stop = () => Promise.resolve()) {
  const parts = new FakeParts();
  const failed = Promise.withResolvers<Error>();
  let stops = 0;
  parts.gateway = () =>
    Promise.resolve({
      url: "http://127.0.0.1:8080",
      operatorToken: "tg_run",
      failed: failed.promise,
      stop() {
        stops++;
        return stop();
      },
    });
  const io = new FakeIo();
  const runtime = new FakeRuntime();
  const announced = new Promise<void>((resolve) => {
    io.onOut = (line) => line.includes("#token=") && resolve();
  });
  const done = tidegate(["serve", "--data", folder, ...args], { parts, io, runtime });
  await Promise.race([announced, done]);
  return { io, runtime, done, parts, failed, stops: () => stops };
}

Deno.test("serve announces itself, writes the run file, and drains on SIGTERM", async () => {
  await withFolder(async (folder) => {
    const { io, runtime, done, stops } = await serving(folder);
    assertEquals(io.outLines.at(-1), "open  http://127.0.0.1:8080/#token=tg_run");
    assertEquals((await readRunFile(folder))?.token, "tg_run");
    runtime.signal("SIGTERM");
    assertEquals((await done).code, 0);
    assertEquals(stops(), 1);
    assertEquals(await readRunFile(folder), undefined);
  });
});

Deno.test("serve exits at once on a second signal", async () => {
  await withFolder(async (folder) => {
    const stopping = Promise.withResolvers<void>();
    const { runtime, done } = await serving(folder, [], () => stopping.promise);
    runtime.signal("SIGINT");
    try {
      runtime.signal("SIGINT");
    } catch {
      // The fake's way to end the program.
    }
    assertEquals(runtime.exits, [130]);
    stopping.resolve();
    await done;
  });
});

Deno.test("serve stops with an error when the gateway cannot go on", async () => {
  await withFolder(async (folder) => {
    const { done, failed, stops } = await serving(folder);
    failed.resolve(new Error("the disk is full"));
    const { code, err } = await done;
    assertEquals([code, stops()], [1, 1]);
    assertStringIncludes(err.at(-1)!, "the gateway had to stop: the disk is full");
  });
});

Deno.test("serve says in one line why the gateway cannot start", async () => {
  await withFolder(async (folder) => {
    const parts = new FakeParts();
    parts.gateway = () => Promise.reject(new Error("127.0.0.1:8080 is taken"));
    const { code, err } = await tidegate(["--data", folder], { parts });
    assertEquals([code, err], [1, ["tidegate: the gateway cannot start: 127.0.0.1:8080 is taken"]]);
  });
});

Deno.test("serve refuses a folder that another gateway runs over", async () => {
  const server = gateway();
  try {
    await withFolder(async (folder) => {
      await writeRunFile(folder, state({ url: `http://127.0.0.1:${server.addr.port}` }));
      const { code, err } = await tidegate(["--data", folder]);
      assertEquals(code, 1);
      assertStringIncludes(err[0]!, "a gateway already runs over");
      assertStringIncludes(err[0]!, "process 42");
    });
  } finally {
    await server.shutdown();
  }
});

Deno.test("serve keeps the token out of a JSON log", async () => {
  await withFolder(async (folder) => {
    const io = new FakeIo();
    const runtime = new FakeRuntime();
    const parts = new FakeParts();
    const failed = Promise.withResolvers<Error>();
    parts.gateway = () =>
      Promise.resolve({
        url: "http://127.0.0.1:8080",
        operatorToken: "tg_run",
        failed: failed.promise,
        stop: () => Promise.resolve(),
      });
    const done = tidegate(["--data", folder, "--log-format", "json"], { parts, io, runtime });
    failed.resolve(new Error("enough"));
    await done;
    assertEquals(io.outLines, []);
    const line = JSON.parse(io.errLines[0]!);
    assertEquals(line.url ?? line.properties?.url, "http://127.0.0.1:8080");
    assertEquals(io.errLines.some((text) => text.includes("tg_run")), false);
  });
});

Deno.test("serve hands the settings on in the gateway's terms", async () => {
  await withFolder(async (folder) => {
    const { parts, runtime, done } = await serving(folder, [
      "--retention-max-age=off",
      "--limits-flush",
      "2ms",
      "--tls-cert",
      "c.pem",
      "--tls-key",
      "k.pem",
    ]);
    runtime.signal("SIGTERM");
    await done;
    assertEquals(parts.started[0]?.retention, { maxBytes: 2e9, maxAgeMs: null });
    assertEquals(parts.started[0]?.limits.flushMs, 2);
    assertEquals(parts.started[0]?.tls, { mode: "files", certFile: "c.pem", keyFile: "k.pem" });
  });
});

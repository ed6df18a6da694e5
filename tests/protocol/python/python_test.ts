/** Implementations in Python, written from docs/PROTOCOL.md alone. */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { needPythonWebsockets, python } from "../../support/python.ts";
import { ScriptedGateway } from "./scripted_gateway.ts";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

Deno.test("the Python implementation agrees with every golden vector", async () => {
  const { code, stdout, stderr } = await python([path("vectors.py"), path("../../../protocol/vectors.json")]);
  assertEquals(code, 0, stdout + stderr);
  const { passed, failed } = JSON.parse(stdout) as { passed: Record<string, number>; failed: string[] };
  assertEquals(failed, []);
  for (const [list, count] of Object.entries(passed)) assert(count > 5, `${list}: ${count}`);
});

Deno.test("the Python device streams, breaks off, resumes, and sends again what was not acknowledged", async () => {
  await needPythonWebsockets();
  await using gateway = new ScriptedGateway();
  const args = ["--url", gateway.url, "--token", "secret", "--samples", "400", "--timeout", "200"];
  const { code, stdout, stderr } = await python([path("device.py"), ...args]);
  assertEquals([code, stderr], [0, ""], stdout);
  const summary = JSON.parse(stdout);
  await gateway.until(() => gateway.seen.byes === 1);
  const { seen } = gateway;
  assertEquals(gateway.problems, []);
  assertEquals(seen.authorization, ["Bearer secret", "Bearer secret"]);
  assertEquals(seen.hellos.map((hello) => hello.producer), [summary.producer, summary.producer]);
  assertEquals(seen.hellos[1]?.resume, { session: "session-1", token: "resume-token" });
  assertEquals(seen.events, Array.from({ length: 400 }, (_, i) => i + 1));
  // State samples under way when the connection broke are lost, and must not be sent again.
  assert(seen.states > 200 && seen.states <= 400, `${seen.states}`);
  assertEquals([summary.acked, summary.unacked, summary.resumed, summary.connections], [400, 0, 1, 2]);
  assert(summary.sentAgain > 0, "events were sent again");
  // The first connection may break before the answers are under way; the second ends in order.
  assert(seen.clockReplies >= 1 && seen.confirmedTargets.includes(2));
  assertEquals(seen.results.at(-1), {
    type: "result",
    channel: 4,
    sequence: 2,
    ok: true,
    value: { command: 2 },
  });
});

Deno.test("the device of the specification's page runs as it stands there", async () => {
  await needPythonWebsockets();
  const page = await Deno.readTextFile(new URL("../../../docs/PROTOCOL.md", import.meta.url));
  const [, example] = /```python\n(.*?)```/s.exec(page) ?? [];
  assert(example !== undefined, "an example in Python");
  await using gateway = new ScriptedGateway();
  const stop = new AbortController();
  const run = python(["-"], { input: example, env: { URL: gateway.url, TOKEN: "t" }, signal: stop.signal });
  await Promise.race([
    gateway.until(() => gateway.seen.states >= 3 && gateway.seen.clockReplies === 1),
    run.then(({ stdout, stderr }) => Promise.reject(new Error(`it ended: ${stdout}${stderr}`))),
  ]);
  stop.abort();
  await run;
  assertEquals(gateway.problems, []);
  assertEquals(gateway.seen.authorization, ["Bearer t"]);
  assertEquals(gateway.seen.hellos[0]?.clock, "device");
});

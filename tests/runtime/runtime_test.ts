import { assertEquals } from "@std/assert";
import { RUNTIMES } from "../support/transport_client.ts";

const PROGRAM = new URL("../support/runtime_program.ts", import.meta.url).pathname;

for (const [name, [program, ...flags]] of Object.entries(RUNTIMES)) {
  Deno.test(`${name}: a program knows its arguments, environment and worker's role, and hears SIGTERM`, async () => {
    const child = new Deno.Command(program, {
      args: [...flags, PROGRAM, "serve", "--listen", "x"],
      env: { TEST_VALUE: "süß", TIDEGATE_WORKER_ROLE: "not on the main thread" },
      stdout: "piped",
    }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    assertEquals(JSON.parse((await lines.read()).value ?? ""), {
      name,
      args: ["serve", "--listen", "x"],
      env: "süß",
      worker: "worker in the role of recorder",
    });
    child.kill("SIGTERM");
    assertEquals((await lines.read()).value?.trim(), "SIGTERM");
    assertEquals((await child.status).code, 7);
    await lines.cancel();
  });
}

import { assertEquals } from "@std/assert";

/** Throws in a timer and leaves a rejection, with the faults taken in; on both runtimes. */
const PROGRAM = `
import { catchUncaught } from "${new URL("../../gateway/uncaught.ts", import.meta.url)}";
const open = setInterval(() => {}, 60_000); // as a gateway's listener keeps it from ending
let caught = 0;
const stop = catchUncaught((where, error) => {
  console.log(where, error.message);
  if (++caught === 1) setTimeout(() => { Promise.reject(new Error("rejected")); });
  else setTimeout(() => { stop(); clearInterval(open); console.log("alive"); });
});
setTimeout(() => { throw new Error("in a timer"); });
`;

for (const runtime of ["deno", "bun"] as const) {
  Deno.test(`a fault that nobody caught does not end the program on ${runtime}`, async () => {
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(file, PROGRAM);
      const [program, ...args] = runtime === "deno"
        ? [Deno.execPath(), "run", "--quiet", "--no-check", "--allow-read", file]
        : [Deno.env.get("TIDEGATE_BUN") ?? "bun", file];
      const { code, stdout } = await new Deno.Command(program!, { args, env: { NO_COLOR: "1" } }).output();
      assertEquals(new TextDecoder().decode(stdout).trim().split("\n"), [
        "uncaught in a timer",
        "uncaught rejected",
        "alive",
      ]);
      assertEquals(code, 0);
    } finally {
      await Deno.remove(file);
    }
  });
}

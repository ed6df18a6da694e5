/** A disk that is full while the broker is away, on every form of the gateway. */
import { assertEquals } from "@std/assert";

const decoder = new TextDecoder();

/** Runs a program where what it mounts is seen by nobody else, and vanishes with it. */
async function withOwnMounts(program: string, ...args: string[]): Promise<Deno.CommandOutput> {
  return await new Deno.Command("unshare", {
    args: ["--mount", "--propagation", "private", program, ...args],
    stdin: "null",
    signal: AbortSignal.timeout(150_000),
  }).output();
}

const probe = await withOwnMounts("mount", "-t", "tmpfs", "tidegate", "/mnt").catch((error) => ({
  code: 1,
  stderr: new TextEncoder().encode(String(error)),
}));
const problem = probe.code === 0 ? undefined : decoder.decode(probe.stderr).trim();
const left = problem !== undefined && Deno.env.get("CI") !== "true";
if (left) console.error(`The test of a full disk is left out, since it needs root: ${problem}`);

Deno.test({
  name: "a disk that fills up while the broker is away loses no event that was acknowledged",
  ignore: left,
  async fn() {
    if (problem !== undefined) throw new Error(`${problem}. The test needs root, to mount a small disk.`);
    const folder = await Deno.makeTempDir({ prefix: "tidegate-full-" });
    const program = new URL("./full_disk_program.ts", import.meta.url).pathname;
    const run = ["run", "--quiet", "--no-check", "--allow-all", program, folder];
    const { code, stdout, stderr } = await withOwnMounts(Deno.execPath(), ...run);
    await Deno.remove(folder, { recursive: true });
    console.log(decoder.decode(stdout).trim());
    assertEquals(code, 0, decoder.decode(stderr));
  },
});

/** A broker's port that swallows packets without a reset, as a firewall does. */
import { assertEquals } from "@std/assert";
import { networkTest } from "../support/link/network_case.ts";

/** How long; within the shorter one TCP gets over it by itself, the longer one takes new connections. */
const BLACKHOLE_MS = Deno.env.get("TIDEGATE_SOAK") ? 60_000 : 6_000;

networkTest("a broker whose port swallows everything for a while gets every event", async () => {
  const program = new URL("./blackhole_program.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: [
      "--net",
      "sh",
      "-c",
      'ip link set lo up && exec "$@"',
      "sh",
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-check",
      "--allow-all",
      program,
      String(BLACKHOLE_MS),
    ],
    env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin:/sbin` },
    stdin: "null",
    signal: AbortSignal.timeout(BLACKHOLE_MS + 240_000),
  }).output();
  const decoder = new TextDecoder();
  console.log(decoder.decode(stdout).trim());
  assertEquals(code, 0, decoder.decode(stderr));
});

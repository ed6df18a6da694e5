/**
 * Registers tests that need a network of their own.
 *
 * @module
 */
import { networkProblem } from "./network.ts";

const problem = await networkProblem();

if (problem !== undefined && Deno.env.get("CI") !== "true") {
  console.error(`Tests on emulated links are left out: ${problem}. They need root and /dev/net/tun.`);
}

/** A test on an emulated link: fails where no network can be made and CI=true, is left out elsewhere. */
export function networkTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name,
    ignore: problem !== undefined && Deno.env.get("CI") !== "true",
    async fn() {
      if (problem !== undefined) throw new Error(`${problem}. The test needs root and /dev/net/tun.`);
      await fn();
    },
    // what programs on the link leave open ends with them
    sanitizeOps: false,
    sanitizeResources: false,
  });
}

/**
 * A gateway's inner parts over a folder that is thrown away, for `bridge verify`.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../db/open.ts";
import type { VerifyWorld } from "../mqtt/bridge/verify.ts";
import { TopicTree } from "../mqtt/topics.ts";
import { buildCore } from "./core.ts";
import { faultLog } from "./log.ts";
import { bridgeContext } from "./mqtt.ts";

/** Makes one; `remove` throws its folder away. */
export async function openVerifyWorld(): Promise<VerifyWorld & { remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), "tidegate-verify-"));
  const level = `verify-${crypto.randomUUID().slice(0, 8)}`;
  return {
    async open() {
      const store = await openStore({ dir });
      const core = buildCore(store, { fault: faultLog });
      return { ...bridgeContext(core, new TopicTree(level), faultLog, []), close: () => store.close() };
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

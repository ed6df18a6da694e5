/**
 * The HTTP interface without a network, for commands that run while no gateway does.
 *
 * @module
 */
import type { LocalApi } from "../cli/parts.ts";
import { openStore } from "../db/open.ts";
import { buildApp } from "../routes/app.ts";
import { CALLER, LOCAL_OPERATOR } from "../routes/caller.ts";
import { buildCore } from "./core.ts";
import { faultLog, log } from "./log.ts";
import { buildServices } from "./services.ts";

/**
 * Opens the database of a gateway that is not running and answers as it would, to an operator.
 *
 * @throws when the folder cannot be used, or a gateway runs over it.
 */
export async function openLocalApi(dataDir: string): Promise<LocalApi> {
  const store = await openStore({
    dir: dataDir,
    log: (level, message) => log[level]("{message}", { message }),
  });
  const core = buildCore(store, { fault: faultLog });
  const status = await store.status();
  const app = buildApp(
    buildServices(core, { secure: false, rtc: null, status: () => status, fault: faultLog }),
  );
  return {
    async request(path, init) {
      return await app.request(path, init, { remote: "local", [CALLER]: LOCAL_OPERATOR });
    },
    close: () => store.close(),
  };
}

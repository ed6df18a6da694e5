/**
 * One attempt to connect to a bridge's broker, for `doctor`.
 *
 * @module
 */
import type { BridgeConfig } from "./config.ts";
import { clientOptions } from "./credentials.ts";
import { Link } from "./link.ts";

/** Connects once, as another client than the bridge; resolves with what is wrong, in words, or undefined. */
export async function probeBroker(config: BridgeConfig): Promise<string | undefined> {
  const settled = Promise.withResolvers<string | undefined>();
  const link = new Link({
    options: async () => ({
      ...await clientOptions({ ...config, clean: true }, `tidegate-probe-${crypto.randomUUID().slice(0, 8)}`),
    }),
    connectTimeoutMs: config.connectTimeoutS * 1_000,
    online: () => settled.resolve(undefined),
    lost: () => {},
    message: (_packet, done) => done(),
    said: (level, message) => {
      if (level === "warn") settled.resolve(message);
    },
  });
  link.start();
  const problem = await settled.promise;
  await link.stop();
  return problem;
}

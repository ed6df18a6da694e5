/**
 * Ctrl-C and SIGTERM.
 *
 * @module
 */
import type { CliRuntime } from "./parts.ts";

/** Waiting for the first signal. */
export interface StopSignal {
  /** The first signal's name. */
  signal: Promise<string>;
  unwatch(): void;
}

/** The first stop signal as a promise; the second ends the program there and then, as shells count: 128 + n. */
export function stopSignal(runtime: Pick<CliRuntime, "onStopSignal" | "exit">): StopSignal {
  const { promise, resolve } = Promise.withResolvers<string>();
  let seen = false;
  const unwatch = runtime.onStopSignal((signal) => {
    if (seen) runtime.exit(signal === "SIGINT" ? 130 : 143);
    seen = true;
    resolve(signal);
  });
  return { signal: promise, unwatch };
}

/**
 * What every command is given.
 *
 * @module
 */
import type { ExitCode } from "./errors.ts";
import type { Io } from "./io.ts";
import type { CliRuntime, Parts } from "./parts.ts";

/** One invocation of the program. */
export interface Context {
  readonly io: Io;
  readonly runtime: CliRuntime;
  readonly parts: Parts;
  /** What the program exits with unless the command throws. */
  exitCode: ExitCode;
}

/** Prints `value` as JSON, or what `people` makes of it. */
export function print<T>(
  context: Context,
  json: boolean | undefined,
  value: T,
  people: (value: T) => string,
): void {
  context.io.out(json ? JSON.stringify(value) : people(value));
}

/**
 * Errors for the person at the terminal, and the exit codes that scripts read.
 *
 * @module
 */

/** What the program's exit code says. `--help` lists them. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** What was asked for failed, or `doctor` found a fault. */
  failed: 1,
  /** The command line, the environment or the config file is wrong; nothing was done. */
  usage: 2,
  /** No gateway answers, or the database cannot be opened. */
  unreachable: 3,
  /** The gateway refused: the token is missing, unknown or may not do this. */
  refused: 4,
} as const;

/** One of {@link EXIT}. */
export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** Ends the command with one line on stderr and no stack: somebody must act, nothing is broken. */
export class UserError extends Error {
  override readonly name = "UserError";

  /**
   * @param message One line: what happened, the actual value, what to do.
   * @param exitCode What the program exits with.
   */
  constructor(message: string, readonly exitCode: ExitCode = EXIT.usage) {
    super(message);
  }
}

/** The message of whatever was thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s*\n\s*/g, " ").trim();
}

/**
 * Child processes of the test runner.
 *
 * @module
 */

/** Settings of {@link run}. */
export interface RunOptions {
  /** Added to this process's environment. */
  env?: Record<string, string>;
}

/**
 * Runs a program with its output shown.
 *
 * @returns its exit code; 127 when there is no such program.
 */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<number> {
  try {
    const child = new Deno.Command(command, { args, env: options.env ?? {}, stdin: "null" }).spawn();
    return (await child.status).code;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 127;
    throw error;
  }
}

/** What a program printed, trimmed; undefined when it failed or does not exist. */
export async function output(command: string, args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(command, { args, stdin: "null", stderr: "null" })
      .output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether a program exists and exits with 0. */
export async function succeeds(command: string, args: string[]): Promise<boolean> {
  return await output(command, args) !== undefined;
}

/**
 * Where a command reads its surroundings and writes its output, so that tests can stand in for a terminal.
 *
 * @module
 */
import process from "node:process";

/** A command's surroundings. */
export interface Io {
  /** Prints one line (or several, joined by newlines) of data on stdout. */
  out(text: string): void;
  /** Prints a line for the person on stderr. */
  err(text: string): void;
  /** Shows `text` in place of the last status; only on a terminal. An empty text clears it. */
  status(text: string): void;
  /** Whether a person is watching stdout. */
  readonly interactive: boolean;
  /** Waits until everything printed has left the program. */
  flush(): Promise<void>;
  /** Width of the terminal in characters; 80 where there is none. */
  readonly columns: number;
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What makes a pipe's reader going away (`| head`) end the program quietly. */
function onBrokenPipe(error: Error & { code?: string }): void {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
}

/** The process's own terminal and environment. */
export function processIo(): Io {
  process.stdout.on("error", onBrokenPipe);
  const watched = Boolean(process.stderr.isTTY);
  let shown = false;
  const clear = () => {
    if (shown) process.stderr.write("\r\x1b[K");
    shown = false;
  };
  return {
    out(text) {
      clear();
      process.stdout.write(`${text}\n`);
    },
    err(text) {
      clear();
      process.stderr.write(`${text}\n`);
    },
    status(text) {
      if (!watched) return;
      clear();
      if (text) process.stderr.write(text.slice(0, (process.stderr.columns ?? 80) - 1));
      shown = text !== "";
    },
    async flush() {
      clear();
      for (const stream of [process.stdout, process.stderr]) {
        await new Promise<void>((written) => stream.write("", () => written()));
      }
    },
    interactive: Boolean(process.stdout.isTTY),
    columns: process.stdout.columns ?? 80,
    env: process.env,
  };
}

/**
 * Debian's Python, for the tests that run an implementation written from the specification alone.
 *
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";

/** Debian's own interpreter: its packages are not seen by others. */
const PYTHON = "/usr/bin/python3";

/** What a run came to. */
export interface PythonRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Options of {@link python}. */
export interface PythonOptions {
  /** Given to it as standard input. */
  input?: string;
  env?: Record<string, string>;
  /** Ends it after this many milliseconds. Default 240,000. */
  timeoutMs?: number;
  /** Ends it when aborted. */
  signal?: AbortSignal;
}

/** Runs Debian's Python with these arguments to its end. */
export function python(args: string[], options: PythonOptions = {}): Promise<PythonRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON, ["-B", ...args], {
      env: { ...process.env, ...options.env },
      timeout: options.timeoutMs ?? 240_000,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.name === "AbortError") return; // `close` follows
      reject(error.code === "ENOENT" ? new Error(`${PYTHON} is missing: apt-get install python3`) : error);
    });
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(options.input ?? "");
  });
}

/** @throws with what to install when Debian's python3-websockets is not there. */
export async function needPythonWebsockets(): Promise<void> {
  const { code, stderr } = await python(["-c", "import websockets"]);
  if (code !== 0) {
    throw new Error(`python3-websockets is missing: apt-get install python3-websockets (${stderr.trim()})`);
  }
}

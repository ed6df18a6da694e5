/**
 * DATA/run.json: how the other commands find the gateway that runs over a data folder. It holds an operator
 * token that dies with the run, so only its owner may read it.
 *
 * @module
 */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a running gateway says of itself. */
export interface RunState {
  url: string;
  pid: number;
  /** Operator token, valid for this run only. */
  token: string;
  /** ISO 8601. */
  startedAt: string;
  /** PEM to trust, where the gateway signed its own certificate. */
  certificate?: string;
  /** Embedded MQTT broker, `mqtt://127.0.0.1:1883`, where there is one. */
  mqttUrl?: string;
}

/** Readable and writable by the owner, by nobody else. */
const OWNER_ONLY = 0o600;

const pathOf = (dataDir: string) => join(dataDir, "run.json");

/** Writes the file whole or not at all. */
export async function writeRunFile(dataDir: string, state: RunState): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const path = pathOf(dataDir);
  const draft = `${path}.${state.pid}`;
  // The mode holds for new files only, and a draft of a crashed run could be in the way.
  await rm(draft, { force: true });
  await writeFile(draft, JSON.stringify(state) + "\n", { mode: OWNER_ONLY });
  await rename(draft, path);
}

/** What a gateway left there, running or not; undefined when there is nothing readable. */
export async function readRunFile(dataDir: string): Promise<RunState | undefined> {
  let state: Partial<RunState> | null;
  try {
    state = JSON.parse(await readFile(pathOf(dataDir), "utf8"));
  } catch {
    return undefined;
  }
  const complete = typeof state?.url === "string" && typeof state.token === "string" &&
    typeof state.pid === "number" && typeof state.startedAt === "string";
  return complete ? state as RunState : undefined;
}

/** Removes the file if it is still that of process `pid`. */
export async function removeRunFile(dataDir: string, pid: number): Promise<void> {
  if ((await readRunFile(dataDir))?.pid === pid) await rm(pathOf(dataDir), { force: true });
}

/**
 * Whether the gateway that a run file speaks of is still there.
 *
 * @module
 */
import { httpRequest } from "./http.ts";
import { readRunFile, type RunState } from "./run_file.ts";

/**
 * How long an answer may take, in milliseconds. A gateway on this machine needs some milliseconds; one on a machine
 * that is busy with much else must still not be taken for one that is gone, whose database a command may open.
 */
const ANSWER_WITHIN_MS = 15_000;

/** The run that goes on over `dataDir`; undefined when there is none, or the file is left over from a crash. */
export async function liveRun(dataDir: string): Promise<RunState | undefined> {
  const state = await readRunFile(dataDir);
  if (!state) return undefined;
  try {
    // The token tells it from another program, or another gateway, that has taken the port since.
    const response = await httpRequest(`${state.url}/v1/tokens`, {
      headers: { authorization: `Bearer ${state.token}` },
      timeoutMs: ANSWER_WITHIN_MS,
      ...(state.certificate === undefined ? {} : { certificate: state.certificate }),
    });
    await response.body?.cancel();
    return response.status === 200 ? state : undefined;
  } catch {
    return undefined;
  }
}

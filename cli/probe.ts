/**
 * Whether the gateway that a run file speaks of is still there.
 *
 * @module
 */
import { httpRequest } from "./http.ts";
import { readRunFile, type RunState } from "./run_file.ts";

/** A gateway on this machine answers within milliseconds, even under load. */
const ANSWER_WITHIN_MS = 2_000;

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

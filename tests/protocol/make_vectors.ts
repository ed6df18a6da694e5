/**
 * Writes protocol/vectors.json. Run it after a change of the vectors or of the specification's examples:
 * `deno run --allow-read --allow-write tests/protocol/make_vectors.ts`
 *
 * @module
 */
import { readFile, writeFile } from "node:fs/promises";
import { ACKS, BATCHES, VARINTS } from "./vectors/frames.ts";
import { CONFIRMATIONS, DIFFERENCES, LANES, STATES } from "./vectors/lane.ts";
import { messages } from "./vectors/messages.ts";
import { PAYLOADS } from "./vectors/payloads.ts";

/** Where the vectors are kept. */
export const VECTORS_FILE: URL = new URL("../../protocol/vectors.json", import.meta.url);

/** One vector a line, so that a change shows as the lines that it concerns. */
function list(vectors: readonly unknown[]): string {
  return `[\n${vectors.map((vector) => `    ${JSON.stringify(vector)}`).join(",\n")}\n  ]`;
}

/** The text that belongs into {@link VECTORS_FILE}. */
export async function vectorsText(): Promise<string> {
  const page = await readFile(new URL("../../docs/PROTOCOL.md", import.meta.url), "utf8");
  const lists = {
    varints: VARINTS,
    batches: BATCHES,
    acks: ACKS,
    states: STATES,
    confirmations: CONFIRMATIONS,
    differences: DIFFERENCES,
    lanes: LANES,
    messages: messages(page),
    payloads: PAYLOADS,
  };
  const entries = Object.entries(lists).map(([name, vectors]) => `  "${name}": ${list(vectors)}`);
  return `{\n  "protocol": 1,\n${entries.join(",\n")}\n}\n`;
}

if (import.meta.main) await writeFile(VECTORS_FILE, await vectorsText());

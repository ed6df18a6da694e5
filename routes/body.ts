/**
 * Reads request bodies, never more than is allowed.
 *
 * @module
 */
import { Problem } from "./problem.ts";

/** Largest JSON body of the API, in bytes: a token with all its patterns fits. */
export const MAX_JSON_BYTES = 262_144;

function tooLarge(size: string, maxBytes: number): Problem {
  return new Problem("too-large", `the body of ${size} bytes is above the limit of ${maxBytes}`);
}

/**
 * The body's bytes. One that says it is too large is refused before any of it is read, one that turns out to
 * be as soon as it does.
 *
 * @throws {Problem} `too-large`.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > maxBytes) throw tooLarge(declared.slice(0, 20), maxBytes);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(`at least ${size}`, maxBytes);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The media type of the body, in lower case and without parameters; empty when it has none. */
export function mediaType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

/** Parses JSON text in UTF-8. @throws {Problem} `bad-request`. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Problem("bad-request", `the body is not JSON in UTF-8: ${(error as Error).message}`);
  }
}

/**
 * The body as a JSON value. The type must be said: a form on another site can send any text as `text/plain`,
 * but not as JSON.
 *
 * @throws {Problem} `unsupported-media-type`, `too-large` or `bad-request`.
 */
export async function readJson(request: Request): Promise<unknown> {
  const type = mediaType(request);
  if (type !== "application/json") {
    throw new Problem(
      "unsupported-media-type",
      `the body must be application/json, not ${JSON.stringify(type.slice(0, 80))}`,
    );
  }
  return parseJson(await readBody(request, MAX_JSON_BYTES));
}

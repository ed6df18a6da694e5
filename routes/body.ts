/**
 * Reads request bodies, never more than is allowed.
 *
 * @module
 */
import { Problem } from "./problem.ts";

/** Largest JSON body of the API, in bytes: a token with all its patterns fits. */
export const MAX_JSON_BYTES = 262_144;

/**
 * Bytes of an unwanted body that are read and thrown away before the answer. An answer that is sent while the
 * client still writes is lost with the connection (HTTP/1.1) or the stream (HTTP/2); beyond this much, it is.
 */
const MAX_DISCARDED_BYTES = 4_194_304;

/** How long a client may take to send what is thrown away, in milliseconds. */
const DISCARD_MS = 2_000;

/** Reads and throws away a body that nobody has read, within bounds. */
export async function discardBody(request: Request): Promise<void> {
  if (request.body === null || request.bodyUsed) return;
  const reader = request.body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), DISCARD_MS);
  try {
    let size = 0;
    while (size <= MAX_DISCARDED_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
    }
    await reader.cancel();
  } catch {
    // The client is gone, or its body broke off: there is nothing left to discard.
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The body's bytes.
 *
 * @throws {Problem} `too-large`; no more than the limit is ever kept.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
    if (size > maxBytes + MAX_DISCARDED_BYTES) break;
  }
  if (size > maxBytes) {
    throw new Problem("too-large", `the body of ${size} bytes or more is above the limit of ${maxBytes}`);
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

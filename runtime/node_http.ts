/**
 * Between the HTTP server of `node:http` and the standard's `Request` and `Response`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";

/** What answers a request that has no URL, or a method that `Request` refuses. */
export const BAD_REQUEST = 400;

/** What is read of a body that nobody wants: more than any client sends of what is refused. */
const MAX_DISCARDED_BYTES = 16_777_216;

/** The headers as they came, repeated ones included. */
function headersOf(message: IncomingMessage): Headers {
  const headers = new Headers();
  const raw = message.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i]!, raw[i + 1]!);
  return headers;
}

/** The body, read from the connection no faster than its reader asks. */
function bodyOf(message: IncomingMessage): ReadableStream<Uint8Array> {
  let attached = false;
  function attach(controller: ReadableStreamDefaultController<Uint8Array>): void {
    message.on("data", (chunk: Uint8Array) => {
      message.pause();
      controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    });
    message.once("end", () => controller.close());
    message.once("error", (error) => controller.error(error));
  }
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (!attached) attach(controller);
      attached = true;
      message.resume();
    },
    cancel: () => discardBody(message),
  }, { highWaterMark: 0 });
}

/**
 * Reads what is left of a body and throws it away, so that a peer that is still sending gets its answer and the
 * connection can be used again; one that goes on for more than {@link MAX_DISCARDED_BYTES} is cut.
 */
export function discardBody(message: IncomingMessage): void {
  if (message.readableEnded) return;
  for (const event of ["data", "end", "error"]) message.removeAllListeners(event);
  let left = MAX_DISCARDED_BYTES;
  message.on("error", () => {}); // the peer is gone, and so is the need
  message.on("data", (chunk: Uint8Array) => {
    left -= chunk.byteLength;
    if (left < 0) message.socket.destroy();
  });
  message.resume();
}

function hasBody({ method, headers }: IncomingMessage): boolean {
  if (method === "GET" || method === "HEAD") return false;
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/**
 * The request of a message.
 *
 * @param signal Aborted when the peer goes away before its answer is complete.
 * @throws TypeError when the target, the host or the method cannot be a `Request`'s; answer {@link BAD_REQUEST}.
 */
export function requestOf(message: IncomingMessage, scheme: "http" | "https", signal?: AbortSignal): Request {
  const target = message.url ?? "/";
  // RFC 9112 section 3.2: a path with the host beside it, or, as proxies write it, the whole URL.
  const url = target.startsWith("/")
    ? new URL(`${scheme}://${message.headers.host || "localhost"}${target}`)
    : new URL(target);
  const init: RequestInit & { duplex?: "half" } = {
    method: message.method ?? "GET",
    headers: headersOf(message),
  };
  if (signal !== undefined) init.signal = signal;
  if (hasBody(message)) Object.assign(init, { body: bodyOf(message), duplex: "half" });
  return new Request(url, init);
}

/** What is waited for before the head goes out without knowing the body's length. */
const NOT_YET = Symbol("not yet");

/** One turn of the event loop: a body that is there already can be read within it. */
function turn(): Promise<typeof NOT_YET> {
  return new Promise((resolve) => setImmediate(() => resolve(NOT_YET)));
}

/** Resolves when the connection takes more, or is gone. */
function writable(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("drain", done);
    outgoing.on("close", done);
  });
}

function writeHead(outgoing: ServerResponse, response: Response, length?: number): void {
  const headers = [...response.headers].map(([name, value]) => [name, value] as [string, string]);
  if (length !== undefined && !response.headers.has("content-length")) {
    headers.push(["content-length", String(length)]);
  }
  outgoing.writeHead(response.status, headers.flat());
}

/**
 * Writes a response, its body no faster than the peer reads; resolves once all is handed over. A peer that goes
 * away cancels the body.
 *
 * @throws what the body's stream fails with; the connection is cut then, for the peer must not take it as whole.
 */
export async function respond(response: Response, outgoing: ServerResponse): Promise<void> {
  const { body } = response;
  if (body === null || outgoing.req.method === "HEAD") {
    await body?.cancel();
    const empty = body === null && outgoing.req.method !== "HEAD" && response.status >= 200 &&
      response.status !== 204 && response.status !== 304;
    writeHead(outgoing, response, empty ? 0 : undefined);
    outgoing.end();
    return;
  }
  const reader = body.getReader();
  try {
    await pipe(response, reader, outgoing);
  } catch (error) {
    outgoing.destroy();
    throw error;
  }
}

async function pipe(
  response: Response,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  outgoing: ServerResponse,
): Promise<void> {
  // A body of one piece, which most are, goes out with its length and in one write.
  let next = reader.read();
  const first = await Promise.race([next, turn()]);
  if (first !== NOT_YET && first.done) {
    writeHead(outgoing, response, 0);
    outgoing.end();
    return;
  }
  if (first !== NOT_YET) {
    next = reader.read();
    const second = await Promise.race([next, turn()]);
    if (second !== NOT_YET && second.done) {
      writeHead(outgoing, response, first.value.byteLength);
      outgoing.end(first.value);
      return;
    }
  }
  writeHead(outgoing, response);
  outgoing.flushHeaders();
  if (first !== NOT_YET && !outgoing.write(first.value)) await writable(outgoing);
  while (!outgoing.destroyed) {
    const { value, done } = await next;
    if (done) {
      outgoing.end();
      return;
    }
    if (!outgoing.write(value)) await writable(outgoing);
    next = reader.read();
  }
  await reader.cancel();
}

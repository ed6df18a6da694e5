/**
 * One HTTP request, trusting a given certificate where there is one: `fetch` has no portable way to do that.
 *
 * @module
 */
import { request as httpsRequest } from "node:https";

/** A request's particulars. */
export interface HttpRequest {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Given up on after this long. */
  timeoutMs: number;
  /** PEM of a certificate to trust besides those of the system. */
  certificate?: string;
}

/**
 * Sends a request.
 *
 * @throws when nobody answers in time or the certificate is not trusted.
 */
export function httpRequest(url: string, request: HttpRequest): Promise<Response> {
  if (url.startsWith("https:") && request.certificate !== undefined) {
    return trusting(url, request, request.certificate);
  }
  const { method = "GET", headers = {}, body, timeoutMs } = request;
  return fetch(url, {
    method,
    headers,
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
    ...(body === undefined ? {} : { body }),
  }).catch((error) => {
    throw causeOf(error);
  });
}

/** Deno's `fetch` says no more than "fetch failed"; the words are its cause's, behind the address. */
function causeOf(error: unknown): unknown {
  if (!(error instanceof Error && error.cause instanceof Error)) return error;
  return new Error(error.cause.message.replace(/^error sending request for url \(\S*\): /, ""));
}

function trusting(url: string, request: HttpRequest, certificate: string): Promise<Response> {
  const { method = "GET", headers = {}, body, timeoutMs } = request;
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      url,
      { method, headers, ca: certificate, timeout: timeoutMs },
      (incoming) => {
        const chunks: Uint8Array[] = [];
        incoming.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const status = incoming.statusCode ?? 502;
          const type = incoming.headers["content-type"];
          // 204 and 304 must have no body, not even an empty one (fetch standard, "null body status").
          const content = status === 204 || status === 304
            ? null
            : new Blob(chunks as Uint8Array<ArrayBuffer>[]);
          resolve(
            new Response(content, { status, headers: type === undefined ? {} : { "content-type": type } }),
          );
        });
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

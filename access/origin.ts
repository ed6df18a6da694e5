/**
 * Which pages may reach the gateway. SameSite does not look at ports: a page of any other program on this
 * host counts as the same site and its requests carry our cookie, so the origin is checked as well.
 *
 * @module
 */

/** Whether the page that caused the request is one of ours: `none` when no browser says so. */
export type OriginCheck = "none" | "same" | "allowed" | "foreign";

/**
 * Compares the Origin header (RFC 6454) with the host that the request was sent to and with `allowed`.
 * The scheme does not count for the own host, since a proxy may have taken TLS off.
 *
 * @param allowed Further origins, such as `https://ops.example.org`.
 * @param url The request's URL. HTTP/2 sends no Host header but `:authority` (RFC 9113 section 8.3.1), which a
 * runtime may show in the URL alone.
 */
export function checkOrigin(headers: Headers, allowed: ReadonlySet<string>, url?: string): OriginCheck {
  const header = headers.get("origin");
  if (header === null) return "none";
  let origin: URL;
  try {
    origin = new URL(header);
  } catch {
    return "foreign"; // `null`, as sandboxed pages send it, among others
  }
  if (origin.protocol !== "http:" && origin.protocol !== "https:") {
    return allowed.has(header) ? "allowed" : "foreign";
  }
  if (sameHost(origin, headers.get("host") ?? hostOf(url))) return "same";
  return allowed.has(origin.origin) ? "allowed" : "foreign";
}

function hostOf(url: string | undefined): string | null {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : null;
}

function sameHost(origin: URL, host: string | null): boolean {
  if (host === null || host === "" || /[/@\\?#\s]/.test(host)) return false;
  try {
    // Read with the origin's scheme, so that its default port may be left out on either side.
    return new URL(`${origin.protocol}//${host}`).host === origin.host;
  } catch {
    return false;
  }
}

/**
 * What is wrong with `origin` as a setting, or undefined: it must be exactly scheme, host and port.
 *
 * @example
 * ```ts
 * allowedOriginProblem("https://ops.example.org/"); // says to drop the path
 * ```
 */
export function allowedOriginProblem(origin: string): string | undefined {
  let url: URL;
  try {
    url = new URL(origin);
  } catch {
    return `allowed origin ${JSON.stringify(origin)} is not a URL such as https://ops.example.org`;
  }
  if (url.origin === "null" || url.origin !== origin) {
    const hint = url.origin === "null" ? "https://ops.example.org" : url.origin;
    return `allowed origin ${JSON.stringify(origin)} must be scheme, host and port only, such as ${hint}`;
  }
  return undefined;
}

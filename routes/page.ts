/**
 * The live page's files.
 *
 * @module
 */
import type { App } from "./endpoint.ts";
import type { Page, PageAsset } from "./services.ts";

/** Whether the client has this version already (RFC 9110 section 13.1.2, weak comparison). */
function isCurrent(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((entry) => entry.trim().replace(/^W\//, "") === etag);
}

function answer(asset: PageAsset, policy: string, ifNoneMatch: string | undefined): Response {
  const headers = {
    "etag": asset.etag,
    // Always ask: the files change with the program, and asking costs one small answer.
    "cache-control": "no-cache",
    "content-security-policy": policy,
    "content-type": asset.contentType,
  };
  if (isCurrent(ifNoneMatch, asset.etag)) return new Response(null, { status: 304, headers });
  return new Response(asset.body, { headers });
}

/** Serves the page's files at their paths. The map is the whole list: no path reaches a file system. */
export function pageRoutes(app: App, page: Page): void {
  for (const [path, asset] of page.assets) {
    app.get(path, (c) => {
      c.set("route", "page");
      return answer(asset, page.contentSecurityPolicy, c.req.header("if-none-match"));
    });
  }
}

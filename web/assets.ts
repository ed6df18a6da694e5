/**
 * The files of the live page and the browser's SDK, as `deno task web` built them: embedded where this program
 * was bundled, from web/dist/ where it runs from source.
 *
 * @module
 */
import { embedded } from "./embedded.ts";

/** A file that the gateway serves. */
export interface WebAsset {
  /** Path it is served at, such as `/page.js`; the page itself is `/`. */
  readonly path: string;
  readonly contentType: string;
  /** Strong validator, with its quotes, for `ETag` and `If-None-Match` (RFC 9110 section 8.8.3). */
  readonly etag: string;
  readonly body: string;
}

/**
 * What the page may do: load from where it came from, and connect there. Everything it shows is built by its
 * own script, so neither inline script nor inline style is needed.
 */
export const PAGE_CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * All files by path.
 *
 * @throws when the program runs from source and `deno task web` has not been run.
 */
export async function loadWebAssets(): Promise<ReadonlyMap<string, WebAsset>> {
  const assets = embedded ?? await built();
  return new Map(assets.map((asset) => [asset.path, asset]));
}

async function built(): Promise<readonly WebAsset[]> {
  // Named at run time: a static import would make every check depend on a generated file.
  const url = new URL("./dist/assets.ts", import.meta.url).href;
  try {
    const module: { embedded: readonly WebAsset[] } = await import(url);
    return module.embedded;
  } catch (error) {
    throw new Error(`the live page has not been built (${url}); run \`deno task web\` first`, {
      cause: error,
    });
  }
}

/**
 * Stands for "nothing is embedded". `deno task bundle` puts the generated web/dist/assets.ts in its place.
 *
 * @module
 */
import type { WebAsset } from "./assets.ts";

/** The page's files, in a bundled program. */
export const embedded: readonly WebAsset[] | undefined = undefined;

/**
 * Stands for "nothing is embedded". `deno task bundle` puts a generated module in its place.
 *
 * @module
 */

/** Source of `thread.ts` with all that it imports, in a bundled program. */
export const embedded: string | undefined = undefined;

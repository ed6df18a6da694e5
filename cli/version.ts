/**
 * The program's version; a test holds it to the manifest's.
 *
 * @module
 */

/** Version of this program (semver.org). */
export const VERSION = "0.1.0";

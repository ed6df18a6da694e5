/**
 * Figures within a document: what a run writes stands between two marks, and all around them is written by hand.
 *
 * @module
 */

const BEGIN = "<!-- figures: `deno task bench` writes from here … -->";
const END = "<!-- … to here -->";

/**
 * `document` with `figures` between its marks instead of what stood there; a document without marks becomes the
 * figures alone.
 *
 * @example
 * ```ts
 * intoDocument("no marks", "| 1 |"); // the figures between a pair of marks
 * ```
 */
export function intoDocument(document: string, figures: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END, begin);
  const marked = `${BEGIN}\n\n${figures.trim()}\n\n${END}`;
  if (begin === -1 || end === -1) return `${marked}\n`;
  return document.slice(0, begin) + marked + document.slice(end + END.length);
}

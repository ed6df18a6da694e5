/**
 * Tables for people.
 *
 * @module
 */

/** Control characters would let a device's name or a remote text rewrite the terminal. */
// deno-lint-ignore no-control-regex -- control characters are what is replaced here
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** A cell: text, or a number that is set to the right. */
export type Cell = string | number;

/**
 * Columns as wide as their widest cell, parted by two spaces. Numbers are set to the right. Without rows it
 * says `none`.
 */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return "none";
  const texts = rows.map((row) => row.map((cell) => String(cell).replaceAll(CONTROL, "�")));
  const right = head.map((_, i) => rows.every((row) => typeof row[i] === "number"));
  const widths = head.map((name, i) => Math.max(name.length, ...texts.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => right[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join("  ")
      .trimEnd();
  return [line(head.map((name) => name.toUpperCase())), ...texts.map(line)].join("\n");
}

/** A moment (milliseconds since 1970, or ISO 8601) as `2026-01-31 12:00:00` in local time, `-` for none. */
export function moment(at: number | string | null | undefined): string {
  if (at === null || at === undefined) return "-";
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** The same with milliseconds, for samples. */
export function preciseMoment(atMs: number): string {
  return `${moment(atMs)}.${String(Math.floor(atMs) % 1000).padStart(3, "0")}`;
}

/**
 * Where the program's log goes: stderr, as text for people or as one JSON object per line.
 *
 * @module
 */
import {
  configure,
  dispose,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getTextFormatter,
} from "@logtape/logtape";
import type { Config } from "./config.ts";
import type { Io } from "./io.ts";

/** Sends the log to `io.err`; the returned function ends that. */
export async function startLog(io: Io, { level, format }: Config["log"]): Promise<() => Promise<void>> {
  // Texts as they are; everything else as the formatter shows it.
  const value = (given: unknown, inspect: (value: unknown) => string) =>
    typeof given === "string" ? given : inspect(given);
  const formatter = format === "json"
    ? getJsonLinesFormatter({ properties: "flatten" })
    : io.interactive
    ? getAnsiColorFormatter({ timestamp: "time", value })
    : getTextFormatter({ timestamp: "rfc3339", value });
  await configure({
    reset: true,
    sinks: { stderr: (record) => io.err(formatter(record).trimEnd()) },
    loggers: [
      { category: "tidegate", lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["stderr"] },
    ],
  });
  return dispose;
}

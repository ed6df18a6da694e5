/**
 * Schemas that several endpoints share.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { deviceNameProblem, patternProblem, topicProblem } from "../protocol/topics.ts";
import { parseTime, TIME_FORMS } from "./time.ts";

/** A string that `problem` finds nothing wrong with. */
function checked(problem: (text: string) => string | undefined): z.ZodString {
  return z.string().superRefine((text, context) => {
    const message = problem(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

/** A device's name. */
export const deviceName = checked(deviceNameProblem).openapi({ example: "pump-1" });

/** A topic. */
export const topicName = checked(topicProblem).openapi({ example: "pump-1/temperature" });

/** A pattern of topics. */
export const topicPattern = checked(patternProblem).openapi({ example: "pump-1/#" });

/** A role of tokens. */
export const role = z.enum(["device", "dashboard", "operator"]);

/** A point in time in an answer: RFC 3339 in UTC. */
export const timestamp = z.iso.datetime().openapi({ example: "2026-01-31T12:00:00.000Z" });

/** Microseconds since 1970, gateway time, as samples carry them. */
export const microseconds = z.int().openapi({
  description: "Microseconds since 1970, gateway time.",
  example: 1_769_860_800_000_000,
});

/** A point in time in a query. */
export const timeParameter = z.string().max(64).transform((text, context) => {
  const time = parseTime(text);
  if (time) return time;
  context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is not a time; give ${TIME_FORMS}` });
  return z.NEVER;
}).openapi({ type: "string", description: `A point in time: ${TIME_FORMS}.`, example: "-10m" });

/** true or false in a query. */
export const flagParameter = z.enum(["true", "false"]).transform((text) => text === "true")
  .openapi({ type: "string", enum: ["true", "false"] });

/** A whole number in a query. */
export function integerParameter(min: number, max: number): z.ZodType<number, string> {
  return z.string().regex(/^\d{1,16}$/, "it must be a whole number").transform(Number)
    .pipe(z.int().min(min).max(max))
    .openapi({ type: "integer", minimum: min, maximum: max });
}

/** A point in time as answers carry it. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Like {@link iso}, null where there is none. */
export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

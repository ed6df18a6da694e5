/**
 * Reads control messages: JSON text, bounded before it is parsed, whose shape its `type` names.
 *
 * @module
 */
import { CLOSE } from "./close_codes.ts";
import { ProtocolError } from "./errors.ts";
import { MAX_CONTROL_BYTES, MAX_CONTROL_NESTING } from "./limits.ts";
import type { Shape } from "./shape.ts";
import { utf8Length } from "./utf8.ts";

/** Whether brackets nest deeper than the limit, without parsing: parsing is what must not happen then. */
function nestsTooDeep(message: string): boolean {
  if (message.length <= 2 * MAX_CONTROL_NESTING) return false;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < message.length; i++) {
    const unit = message.charCodeAt(i);
    if (inString) {
      if (unit === 0x5c) i++; // a backslash: what follows cannot end the string
      else if (unit === 0x22) inString = false;
    } else if (unit === 0x22) inString = true;
    else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > MAX_CONTROL_NESTING) return true;
    } else if (unit === 0x5d || unit === 0x7d) depth--;
  }
  return false;
}

function checkSize(message: string): void {
  const bytes = message.length * 3 <= MAX_CONTROL_BYTES ? 0 : utf8Length(message);
  if (bytes > MAX_CONTROL_BYTES) {
    throw new ProtocolError(
      CLOSE.limitExceeded,
      `control message of ${bytes} bytes is above the limit of ${MAX_CONTROL_BYTES}`,
    );
  }
  if (nestsTooDeep(message)) {
    throw new ProtocolError(
      CLOSE.badMessage,
      `control message nests deeper than the limit of ${MAX_CONTROL_NESTING}`,
    );
  }
}

function parsed(message: string): unknown {
  checkSize(message);
  try {
    return JSON.parse(message);
  } catch (error) {
    const why = (error as Error).message.slice(0, 200);
    throw new ProtocolError(CLOSE.badMessage, `control message is not JSON: ${why}`);
  }
}

/** Shapes of messages by their type. */
export type Shapes = Readonly<Record<string, Shape<unknown>>>;

function typeOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "type")
    ? (value as { type: unknown }).type
    : undefined;
}

/**
 * Reads one control message.
 *
 * @throws {ProtocolError} with `bad_message` when the text is not JSON, has no known `type`, or a property of
 * the wrong shape; with `limit_exceeded` when it is too large or a list is too long.
 */
export function parser<T extends { type: string }>(shapes: Shapes): (message: string) => T {
  return (message) => {
    const value = parsed(message);
    const type = typeOf(value);
    const shape = typeof type === "string" && Object.hasOwn(shapes, type) ? shapes[type] : undefined;
    if (!shape) {
      const got = (JSON.stringify(type) ?? "nothing").slice(0, 80);
      throw new ProtocolError(
        CLOSE.badMessage,
        `type: expected one of ${Object.keys(shapes).join(", ")}, got ${got}`,
      );
    }
    return shape(value, "") as T;
  };
}

/**
 * As {@link parser}, but undefined for a type that is not known: gateways grow, and what they add can be
 * passed over.
 */
export function lenientParser<T extends { type: string }>(
  shapes: Shapes,
): (message: string) => T | undefined {
  return (message) => {
    const value = parsed(message);
    const type = typeOf(value);
    if (typeof type !== "string") {
      throw new ProtocolError(CLOSE.badMessage, "a control message is an object with a string `type`");
    }
    return Object.hasOwn(shapes, type) ? shapes[type]!(value, "") as T : undefined;
  };
}

/**
 * The box that writes a topic which its device declared writable.
 *
 * @module
 */
import type { Encoding } from "../protocol/control.ts";
import { element, setText } from "./dom.ts";
import { shorten } from "./format.ts";

/** What is to be written: a value for the channel's encoding, or bytes for an opaque one. */
export type WriteContent = { value: unknown } | { bytes: Uint8Array };

/** Sends what was entered; resolves with a line for the person who sent it. */
export type Writer = (content: WriteContent) => Promise<string>;

/**
 * Reads what somebody typed for a channel of this encoding: text as it is, bytes as hexadecimal pairs, and
 * JSON for everything else.
 *
 * @throws {SyntaxError} when it is not what the encoding takes.
 */
export function parseEntry(entry: string, encoding: Encoding): WriteContent {
  if (encoding === "utf8") return { value: entry };
  if (encoding === "raw") {
    const digits = entry.replace(/\s|^0x/g, "");
    if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) {
      throw new SyntaxError(`"${shorten(entry, 40)}" is not bytes in hexadecimal, such as 01 ff`);
    }
    return { bytes: Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16)) };
  }
  try {
    return { value: JSON.parse(entry) };
  } catch {
    throw new SyntaxError(`"${shorten(entry, 40)}" is not JSON, such as 21.5 or {"on": true}`);
  }
}

/** Makes the box. */
export function writeBox(topic: string, encoding: Encoding, write: Writer): HTMLElement {
  const hint = encoding === "raw" ? "bytes, such as 01 ff" : encoding === "utf8" ? "text" : "value as JSON";
  const input = element("input", {
    type: "text",
    placeholder: hint,
    "aria-label": `New value of ${topic}`,
    autocomplete: "off",
    spellcheck: "false",
  });
  const button = element("button", { type: "submit" }, "Write");
  const outcome = element("output", {});
  const form = element("form", { class: "write" }, input, button, outcome);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    setText(outcome, "…");
    try {
      setText(outcome, await write(parseEntry(input.value, encoding)));
      outcome.className = "good";
    } catch (error) {
      setText(outcome, (error as Error).message);
      outcome.className = "bad";
    } finally {
      button.disabled = false;
    }
  });
  return form;
}

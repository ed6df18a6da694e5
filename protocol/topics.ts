/**
 * Topics and patterns. A topic is `<device>/<name…>`, levels parted by `/`. A pattern may hold `+` (exactly
 * one level) and, last, `#` (any number of levels, none included), as in MQTT 5 section 4.7.
 *
 * @module
 */
import { MAX_DEVICE_NAME, MAX_TOPIC_BYTES, MAX_TOPIC_LEVELS } from "./limits.ts";
import { utf8Length } from "./utf8.ts";

/** What is wrong with `name` as a device name, or undefined when nothing is. */
export function deviceNameProblem(name: string): string | undefined {
  if (name.length === 0) return "a device name must not be empty";
  if (name.length > MAX_DEVICE_NAME) {
    return `a device name of ${name.length} characters is above the limit of ${MAX_DEVICE_NAME}`;
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    return `device name ${
      JSON.stringify(name)
    } may hold only letters, digits, '.', '_' and '-', and starts with a letter or digit`;
  }
  return undefined;
}

function levelsProblem(text: string, what: string): string | undefined {
  const size = utf8Length(text);
  if (size === 0) return `a ${what} must not be empty`;
  if (size > MAX_TOPIC_BYTES) return `a ${what} of ${size} bytes is above the limit of ${MAX_TOPIC_BYTES}`;
  const levels = text.split("/");
  if (levels.length > MAX_TOPIC_LEVELS) {
    return `a ${what} of ${levels.length} levels is above the limit of ${MAX_TOPIC_LEVELS}`;
  }
  if (levels.includes("")) return `${what} ${JSON.stringify(text)} has an empty level`;
  // Stored or sent, a lone surrogate becomes U+FFFD: two topics would become one.
  if (!text.isWellFormed()) return `${what} ${JSON.stringify(text)} holds half a surrogate pair`;
  // deno-lint-ignore no-control-regex -- control characters are what is refused here
  if (/[\u0000-\u001f\u007f]/.test(text)) return `${what} ${JSON.stringify(text)} holds a control character`;
  return undefined;
}

/** What is wrong with `topic` as a topic (or the part of one behind the device name), or undefined. */
export function topicProblem(topic: string): string | undefined {
  const problem = levelsProblem(topic, "topic");
  if (problem) return problem;
  if (/[+#]/.test(topic)) return `topic ${JSON.stringify(topic)} holds a wildcard`;
  return undefined;
}

/** What is wrong with `pattern` as a subscription pattern, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  const problem = levelsProblem(pattern, "pattern");
  if (problem) return problem;
  const levels = pattern.split("/");
  for (const [i, level] of levels.entries()) {
    if (level === "+" || (level === "#" && i === levels.length - 1)) continue;
    if (/[+#]/.test(level)) {
      return `pattern ${JSON.stringify(pattern)}: '+' must fill a level and '#' must fill the last one`;
    }
  }
  return undefined;
}

/** Whether `topic` falls under `pattern`. */
export function matches(pattern: string, topic: string): boolean {
  const want = pattern.split("/");
  const have = topic.split("/");
  for (let i = 0; i < want.length; i++) {
    if (want[i] === "#") return true;
    if (i >= have.length || (want[i] !== "+" && want[i] !== have[i])) return false;
  }
  return want.length === have.length;
}

/** Whether `topic` falls under any of `patterns`. */
export function matchesAny(patterns: Iterable<string>, topic: string): boolean {
  for (const pattern of patterns) if (matches(pattern, topic)) return true;
  return false;
}

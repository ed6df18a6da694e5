/**
 * Templates of topics, checked when the gateway starts: text with `{gateway}`, `{device}`, `{channel}` and
 * `{topic}` in it.
 *
 * @module
 */

/** What a template may hold. `{topic}` is the whole topic, `{device}` its first level, `{channel}` the rest. */
const PLACEHOLDERS = ["gateway", "device", "channel", "topic"] as const;

/** Name of a placeholder. */
type Placeholder = typeof PLACEHOLDERS[number];

/** What is wrong with a template, or undefined. */
export function templateProblem(template: string): string | undefined {
  if (template === "") return "a topic template must not be empty";
  for (const [whole, name] of template.matchAll(/\{([^{}]*)\}/g)) {
    if (!PLACEHOLDERS.includes(name as Placeholder)) {
      return `${whole} is not known; there are ${PLACEHOLDERS.map((one) => `{${one}}`).join(", ")}`;
    }
  }
  const bare = template.replaceAll(/\{[a-z]+\}/g, "x");
  if (/[{}]/.test(bare)) return `${JSON.stringify(template)} has a brace without its other half`;
  if (/[+#\0]/.test(bare)) return `${JSON.stringify(template)} holds a wildcard: a template names one topic`;
  if (bare.split("/").includes("")) return `${JSON.stringify(template)} has an empty level`;
  const names = [...template.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => name);
  const whole = names.includes("topic") || (names.includes("device") && names.includes("channel"));
  if (!whole) {
    return `${
      JSON.stringify(template)
    } sends every topic of the rule to the same one: it needs {topic}, or ` +
      "{device} and {channel}";
  }
  return undefined;
}

/** Fills a template in. */
export function render(template: string, gateway: string, topic: string): string {
  const cut = topic.indexOf("/");
  const values: Record<Placeholder, string> = {
    gateway,
    topic,
    device: cut < 0 ? topic : topic.slice(0, cut),
    channel: cut < 0 ? "" : topic.slice(cut + 1),
  };
  return template.replaceAll(/\{([a-z]+)\}/g, (_, name: Placeholder) => values[name]);
}

/** A filter that covers everything which the template can yield. */
export function coveringFilter(template: string, gateway: string): string {
  const levels = template.replaceAll("{gateway}", gateway).split("/");
  const open = levels.findIndex((level) => /\{(?:topic|channel)\}/.test(level));
  const fixed = open < 0 ? levels : [...levels.slice(0, open), "#"];
  return fixed.map((level) => /\{device\}/.test(level) ? "+" : level).join("/");
}

/** Whether some topic falls under both filters. */
export function overlap(a: string, b: string): boolean {
  const [left, right] = [a.split("/"), b.split("/")];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x, y] = [left[i], right[i]];
    if (x === "#" || y === "#") return true;
    if (x === undefined || y === undefined) return false;
    if (x !== y && x !== "+" && y !== "+") return false;
  }
  return true;
}

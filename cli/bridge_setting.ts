/**
 * The setting of MQTT bridges: a list of URLs, or of objects with all that can be said of a bridge.
 *
 * @module
 */
import { z } from "zod";
import { hostedNodeSchema, hostedNodesProblem, sparkplugSchema } from "../mqtt/sparkplug/config.ts";
import { type BridgeConfig, bridgeName, bridgeSchema } from "../mqtt/bridge/config.ts";

/** Where a problem lies, such as `rules[0].topic: `. */
function place(path: readonly PropertyKey[]): string {
  const text = path.map((part) => typeof part === "number" ? `[${part}]` : `.${String(part)}`).join("");
  return text === "" ? "" : `${text.replace(/^\./, "")}: `;
}

/** A list of bridges. */
export function bridges() {
  return z.unknown().transform((given, context) => {
    const entries = typeof given === "string" ? entriesOf(given) : given;
    if (!Array.isArray(entries)) {
      context.addIssue({ code: "custom", message: "expected a list of broker URLs or of bridge objects" });
      return z.NEVER;
    }
    const parsed = entries.map((entry, i) => {
      const result = bridgeSchema.safeParse(typeof entry === "string" ? { url: entry } : entry);
      if (result.success) return result.data;
      const [issue] = result.error.issues;
      const message = `bridge ${i + 1}: ${place(issue?.path ?? [])}${issue?.message ?? "not valid"}`;
      context.addIssue({ code: "custom", message });
      return undefined;
    });
    const known = parsed.filter((bridge) => bridge !== undefined);
    const names = known.map(bridgeName);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) {
      context.addIssue({ code: "custom", message: `two bridges are named ${twice}: give each its own name` });
    }
    return known;
  });
}

/** The edge node on the embedded broker: `GROUP/NODE`, or all that can be said of one. */
export function edgeNode() {
  return z.unknown().transform((given, context) => {
    const result = sparkplugSchema.safeParse(typeof given === "string" ? nodeOf(given) : given);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    const message = `${place(issue?.path ?? [])}${issue?.message ?? "not valid"}`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

/** Edge nodes whose host application the gateway is: `DEVICE=GROUP/NODE`, or all that can be said of one. */
export function hostedNodes() {
  return z.unknown().transform((given, context) => {
    const problem = (message: string) => {
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    };
    const entries = typeof given === "string" ? entriesOf(given) : given;
    if (!Array.isArray(entries)) return problem("expected a list of DEVICE=GROUP/NODE or of objects");
    const nodes = entries.map((entry) => hostedNodeSchema.safeParse(hostedNodeOf(entry)));
    for (const [i, { error }] of nodes.entries()) {
      const issue = error?.issues[0];
      if (issue) return problem(`node ${i + 1}: ${place(issue.path)}${issue.message}`);
    }
    const known = nodes.flatMap(({ data }) => data ?? []);
    const twice = hostedNodesProblem(known);
    if (twice !== undefined) return problem(twice);
    return known;
  });
}

function hostedNodeOf(entry: unknown): unknown {
  if (typeof entry !== "string") return entry;
  const [device, id = ""] = entry.split("=");
  const [group, node] = id.split("/");
  return { device, group, node };
}

function nodeOf(text: string): unknown {
  if (text.trimStart().startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }
  const [group, node] = text.split("/");
  return { group, node };
}

function entriesOf(text: string): unknown {
  if (text.trimStart().startsWith("[")) {
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }
  return text.split(",").map((part) => part.trim()).filter(Boolean);
}

/** Bridges as JSON, with their passwords masked. */
export function maskBridges(list: readonly BridgeConfig[]): string {
  return JSON.stringify(list.map((bridge) => {
    const url = new URL(bridge.url);
    if (url.password !== "") url.password = "********";
    return { ...bridge, url: url.href, ...(bridge.password === undefined ? {} : { password: "********" }) };
  }));
}

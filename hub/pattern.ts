/**
 * Patterns made ready for matching many topics.
 *
 * @module
 */
import { matchesAny } from "../protocol/topics.ts";

/** A set of patterns, cut by what its owner may read. */
export class PatternSet {
  /** Topics named without wildcards, when the set has no wildcard at all: these can be looked up. */
  readonly exact: readonly string[] | undefined;

  /**
   * @param patterns A topic must fall under one of these …
   * @param within … and under one of these.
   */
  constructor(readonly patterns: readonly string[], readonly within: readonly string[] = ["#"]) {
    this.exact = patterns.some((pattern) => /[+#]/.test(pattern)) ? undefined : patterns;
  }

  /** Equal keys mean equal sets. */
  get key(): string {
    return [...new Set(this.patterns)].sort().join("\n") + "\n\n" +
      [...new Set(this.within)].sort().join("\n");
  }

  /** Whether the topic belongs to the set. */
  has(topic: string): boolean {
    return matchesAny(this.patterns, topic) && matchesAny(this.within, topic);
  }
}

/**
 * Patterns made ready for matching many topics.
 *
 * @module
 */

/** Patterns that begin alike, up to here. */
interface Node {
  readonly levels: Map<string, Node>;
  /** What goes on behind a `+`. */
  any: Node | undefined;
  /** A pattern ends here … */
  ends: boolean;
  /** … or with `#`, which takes whatever follows. */
  takesRest: boolean;
}

/** A set of patterns, cut by what its owner may read. */
export class PatternSet {
  /** Topics named without wildcards, when the set has no wildcard at all: these can be looked up. */
  readonly exact: readonly string[] | undefined;
  /** Equal keys mean equal sets. */
  readonly key: string;
  readonly #wanted: Node;
  readonly #allowed: Node;

  /**
   * @param patterns A topic must fall under one of these …
   * @param within … and under one of these.
   */
  constructor(readonly patterns: readonly string[], readonly within: readonly string[] = ["#"]) {
    this.exact = patterns.some((pattern) => /[+#]/.test(pattern)) ? undefined : patterns;
    this.key = `${unique(patterns)}\n\n${unique(within)}`;
    this.#wanted = tree(patterns);
    this.#allowed = tree(within);
  }

  /** Whether the topic belongs to the set. */
  has(topic: string): boolean {
    const levels = topic.split("/");
    return covers(this.#wanted, levels, 0) && covers(this.#allowed, levels, 0);
  }
}

function unique(patterns: readonly string[]): string {
  return [...new Set(patterns)].sort().join("\n");
}

/** Many patterns as one tree: a topic is held against all of them at once. */
function tree(patterns: readonly string[]): Node {
  const root = emptyNode();
  for (const pattern of patterns) {
    let node = root;
    for (const level of pattern.split("/")) {
      if (level === "#") node.takesRest = true;
      else if (level === "+") node = node.any ??= emptyNode();
      else node = child(node, level);
    }
    if (!pattern.endsWith("#")) node.ends = true;
  }
  return root;
}

function child(node: Node, level: string): Node {
  let next = node.levels.get(level);
  if (!next) node.levels.set(level, next = emptyNode());
  return next;
}

function emptyNode(): Node {
  return { levels: new Map(), any: undefined, ends: false, takesRest: false };
}

function covers(node: Node, levels: readonly string[], at: number): boolean {
  if (node.takesRest) return true;
  if (at === levels.length) return node.ends;
  const next = node.levels.get(levels[at]!);
  return (next !== undefined && covers(next, levels, at + 1)) ||
    (node.any !== undefined && covers(node.any, levels, at + 1));
}

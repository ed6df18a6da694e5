/**
 * The metrics of a hosted edge node, or of one of its devices, as its last birth told them.
 *
 * @module
 */
import type { Topic } from "../../../hub/topic.ts";
import type { MetricIn } from "../payload.ts";
import type { TypedMetric } from "./values.ts";

/** A metric with the topics that stand for it. */
export interface HostedMetric extends TypedMetric {
  readonly topic: Topic;
  /** Where it is written, if it can be. */
  readonly commands: Topic | undefined;
}

/** What one birth told of. */
export class HostedSource {
  /** Whether it was born and has not died since. */
  online = false;
  readonly #byName = new Map<string, HostedMetric>();
  readonly #byAlias = new Map<bigint, HostedMetric>();
  /** Metrics of the birth that are not shown: what comes of them is no surprise. */
  readonly #leftOut = new Set<string | bigint>();

  /** @param device The node's device, or undefined for the node itself. */
  constructor(readonly device: string | undefined) {}

  /** Forgets the former birth. */
  clear(): void {
    this.#byName.clear();
    this.#byAlias.clear();
    this.#leftOut.clear();
  }

  add(metric: HostedMetric, alias: bigint | undefined): void {
    this.#byName.set(metric.name, metric);
    if (alias !== undefined) this.#byAlias.set(alias, metric);
  }

  leaveOut({ name, alias }: MetricIn): void {
    if (name !== undefined) this.#leftOut.add(name);
    if (alias !== undefined) this.#leftOut.add(alias);
  }

  metrics(): Iterable<HostedMetric> {
    return this.#byName.values();
  }

  /** The metric that data stand for; "left out" where its birth told of one that is not shown. */
  find({ name, alias }: MetricIn): HostedMetric | "left out" | undefined {
    const found = alias === undefined ? undefined : this.#byAlias.get(alias);
    if (found) return found;
    const known = name === undefined ? undefined : this.#byName.get(name);
    if (known) return known;
    return this.#leftOut.has(name ?? alias ?? "") || this.#leftOut.has(alias ?? "") ? "left out" : undefined;
  }
}

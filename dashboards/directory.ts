/**
 * All connected dashboards, and the one sweep that looks after their backlogs.
 *
 * @module
 */

/** How often backlogs are looked at, in milliseconds: bounds what a burst can pile up for one that does not read. */
const SWEEP_EVERY_MS = 25;

/** A dashboard session as the directory sees it. */
export interface LiveDashboard {
  readonly sessionId: string;
  /** Looks at the backlog, feeds the outboxes, reports what was skipped. */
  sweep(nowMs: number): void;
}

/** The connected dashboards. */
export class DashboardDirectory {
  #live = new Set<LiveDashboard>();
  #timer: ReturnType<typeof setInterval> | undefined;

  get size(): number {
    return this.#live.size;
  }

  all(): Iterable<LiveDashboard> {
    return this.#live;
  }

  add(dashboard: LiveDashboard): void {
    this.#live.add(dashboard);
    this.#timer ??= setInterval(() => this.sweep(performance.now()), SWEEP_EVERY_MS);
  }

  delete(dashboard: LiveDashboard): void {
    this.#live.delete(dashboard);
    if (this.#live.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Looks after every dashboard once. */
  sweep(nowMs: number): void {
    for (const dashboard of this.#live) dashboard.sweep(nowMs);
  }
}

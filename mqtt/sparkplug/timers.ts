/**
 * Timers by name.
 *
 * @module
 */

/** Runs things once after a while, however often that is asked for meanwhile. */
export class Timers {
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  /** Runs `run` in `ms` milliseconds, unless something is to be run under that name already. */
  once(name: string, ms: number, run: () => void): void {
    if (this.#timers.has(name)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      run();
    }, ms);
    this.#timers.set(name, timer);
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

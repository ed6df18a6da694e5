/**
 * A database that compiles each statement once.
 *
 * On Deno a statement that is no longer used keeps its 5.5 KB of SQLite's memory until a full collection, and since
 * V8 does not see that memory, none comes for its sake: with a few hundred statements a second, built anew as
 * Drizzle does unless they are prepared by hand, that was a hundred megabytes in five minutes.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";

/** Texts kept. The program has about a hundred, but conditions on lists have one for each length of the list. */
const MAX_STATEMENTS = 512;

/** A connection whose `prepare` gives the same statement for the same text. */
export class CachingDatabase extends DatabaseSync {
  readonly #statements = new Map<string, StatementSync>();

  /**
   * Statements are shared: take all rows at once, as `all`, `get` and `run` do, and do not hold on to a mode that was
   * set on one (Drizzle sets its own with every call).
   */
  override prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = super.prepare(sql);
    this.#statements.set(sql, statement);
    if (this.#statements.size > MAX_STATEMENTS) {
      for (const oldest of this.#statements.keys()) {
        this.#statements.delete(oldest);
        break;
      }
    }
    return statement;
  }
}

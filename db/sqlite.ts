/**
 * Opens the database file and says in plain words what is wrong when that fails.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { drizzle } from "drizzle-orm/node-sqlite";
import { CachingDatabase } from "./statements.ts";

/** Name of the database in the data folder. */
export const DATABASE_FILE = "tidegate.db";

/** Larger than SQLite's default: a blob of some 10 KB then fills few overflow pages. Only for new files. */
const PAGE_BYTES = 8192;

/** How long a statement waits for another connection's lock, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** Bytes that the write-ahead log is cut back to when it starts anew. */
const WAL_KEPT_BYTES = 8 * 1024 * 1024;

/** Drizzle over one connection. */
export type Drizzle = ReturnType<typeof drizzle<Record<never, never>, DatabaseSync>>;

/** One open connection. */
export interface Connection {
  raw: DatabaseSync;
  db: Drizzle;
  path: string;
}

/** What a failure of SQLite means for whoever has to act. */
export type SqliteFault = "full" | "readonly" | "io" | "busy" | "damaged" | "unopenable" | "other";

/** Deno gives no error number, so the text that SQLite itself fixes for each number decides. */
const FAULTS: readonly (readonly [RegExp, SqliteFault])[] = [
  [/database or disk is full/, "full"],
  [/readonly database/, "readonly"],
  [/disk I\/O error/, "io"],
  [/database (table )?is locked/, "busy"],
  [/malformed|file is not a database/, "damaged"],
  [/unable to open database file/, "unopenable"],
];

const ADVICE: Record<SqliteFault, string> = {
  full: "the disk is full; free some space, or lower the size limit of the recording",
  readonly: "the file or its folder is read-only; give the gateway's user write access to both",
  io: "the disk reports an error; check the system's log and the disk's health",
  busy: "another program holds the database; stop it",
  damaged:
    "the file is damaged or no SQLite database; move it away (the gateway then starts a new one) or restore a backup",
  unopenable:
    "the file cannot be opened; check that its folder exists and that the gateway's user may write it",
  other: "see the message",
};

/** Text of the innermost cause: Drizzle wraps what SQLite says. */
function innermost(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner instanceof Error ? inner.message : String(inner);
}

/** Sorts an error by what has to be done about it. */
export function faultOf(error: unknown): SqliteFault {
  const message = innermost(error);
  return FAULTS.find(([pattern]) => pattern.test(message))?.[1] ?? "other";
}

/** Whether waiting and trying again can help. */
export function isPassing(fault: SqliteFault): boolean {
  return fault === "full" || fault === "readonly" || fault === "io" || fault === "busy";
}

/** The error as a sentence that names the file and says what to do. */
export function explain(error: unknown, path: string): string {
  return `${path}: ${innermost(error)}: ${ADVICE[faultOf(error)]}`;
}

/** Opens the file for the one writer, making it where there is none. @throws with advice when that fails. */
export function openForWriting(
  path: string,
  synchronous: "normal" | "full",
  walBytes: number = WAL_KEPT_BYTES,
): Connection {
  return attempt(path, () => {
    const raw = new CachingDatabase(path);
    raw.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    raw.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL`);
    raw.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}`);
    raw.exec(`PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`);
    raw.exec(`PRAGMA wal_autocheckpoint = ${Math.floor(walBytes / PAGE_BYTES)}`);
    raw.exec("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; PRAGMA foreign_keys = OFF");
    return { raw, db: drizzle({ client: raw }), path };
  });
}

/** Opens the file for a reader; it cannot change anything. @throws with advice when that fails. */
export function openForReading(path: string): Connection {
  return attempt(path, () => {
    const raw = new CachingDatabase(path, { readOnly: true });
    raw.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    raw.exec("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; PRAGMA mmap_size = 268435456");
    return { raw, db: drizzle({ client: raw }), path };
  });
}

/**
 * Opens the file to carry the write-ahead log over to it from another thread than the writer's: that waits for
 * the disk, on a busy one for hundreds of milliseconds, and commits go on meanwhile.
 */
export function openForCheckpoints(path: string): { checkpoint(): void; close(): void } {
  return attempt(path, () => {
    const raw = new DatabaseSync(path);
    raw.exec("PRAGMA busy_timeout = 0; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
    const statement = raw.prepare("PRAGMA wal_checkpoint(PASSIVE)");
    return { checkpoint: () => void statement.all(), close: () => raw.close() };
  });
}

/**
 * Makes sure that only one gateway uses a data folder: holds a lock in a file beside the database, which the
 * system lets go of when the process dies, however it dies.
 *
 * @throws when another process has it.
 */
export function lockFolder(dir: string): { release(): void } {
  const path = `${dir}/tidegate.lock`;
  const raw = attempt(path, () => new DatabaseSync(path));
  try {
    raw.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    raw.close();
    if (faultOf(error) !== "busy") throw new Error(explain(error, path), { cause: error });
    throw new Error(
      `${dir} is in use by another gateway; stop that one, or give this one a folder of its own with --data`,
    );
  }
  return { release: () => raw.close() };
}

/** Runs `work` between BEGIN and COMMIT, rolled back when it throws. */
export function transaction<T>(connection: Connection, work: () => T): T {
  const { raw } = connection;
  raw.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    raw.exec("COMMIT");
    return result;
  } catch (error) {
    // A full disk may have rolled back already; there is then nothing left to undo.
    if (raw.isTransaction !== false) attemptQuietly(() => raw.exec("ROLLBACK"));
    throw error;
  }
}

/** Runs `work` on one unchanging state of the database, whatever the writer does meanwhile. */
export function snapshot<T>(connection: Connection, work: () => T): T {
  connection.raw.exec("BEGIN");
  try {
    return work();
  } finally {
    connection.raw.exec("COMMIT");
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(explain(error, path), { cause: error });
  }
}

function attemptQuietly(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!/no transaction is active/.test(String(error))) throw error;
  }
}

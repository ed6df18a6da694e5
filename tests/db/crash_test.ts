import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { type ChildProcess, spawn } from "node:child_process";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { Folder, replayed } from "./support.ts";

/** Kills for each runtime. The soak sets more. */
const KILLS = Number(Deno.env.get("TIDEGATE_CRASH_KILLS") ?? 10);

/** Longest life of a child from the line on that it is counted from, in milliseconds. */
const LIFE_MS = 400;

/**
 * What a child's life is counted from, in turn: its start, in which a kill meets recovery and first commits, and an
 * acknowledgement of the last topic, so that there are some however slow the machine is.
 */
const LIFE_FROM = ["ready\n", "\n3 "] as const;

const CHILD = fileURLToPath(new URL("./crash_child.ts", import.meta.url));
const RUNTIMES = {
  Deno: [execPath, "run", "--no-check", "-A", CHILD],
  Bun: [Deno.env.get("TIDEGATE_BUN") ?? "bun", CHILD],
};

/** Runs a child for `lifeMs` from when it has printed `from` on, kills it, and returns what it printed. */
async function killed(command: string[], dir: string, from: string, lifeMs: number): Promise<string[]> {
  const [program, ...args] = command;
  const child: ChildProcess = spawn(program!, [...args, dir], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stderr!.on("data", (text) => errors += text);
  await new Promise<void>((resolve, reject) => {
    child.stdout!.on("data", (text) => {
      const counted = output.includes(from);
      output += text;
      if (!counted && output.includes(from)) setTimeout(() => child.kill("SIGKILL"), lifeMs);
    });
    child.on("error", reject);
    child.on("close", (_code, signal) => {
      if (signal === "SIGKILL") resolve();
      else reject(new Error(`the child ended by itself: ${errors}`));
    });
  });
  return output.split("\n").slice(0, -1);
}

/** Whether SQLite itself finds the file in order. */
function checkIntegrity(dir: string): void {
  const raw = new DatabaseSync(`${dir}/tidegate.db`);
  assertEquals({ ...raw.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
  raw.close();
}

for (const [runtime, command] of Object.entries(RUNTIMES)) {
  Deno.test(`no acknowledged event is lost or doubled when ${runtime} is killed at any moment`, async () => {
    await using folder = new Folder();
    const acknowledged = new Map<number, Set<number>>([[1, new Set()], [2, new Set()], [3, new Set()]]);
    for (let i = 0; i < KILLS; i++) {
      const from = LIFE_FROM[i % LIFE_FROM.length]!;
      const lines = await killed(command, folder.dir, from, Math.random() * LIFE_MS);
      assertEquals(lines[0], "ready");
      for (const line of lines.slice(1)) {
        const [topic, sequence] = line.split(" ").map(Number);
        const known = acknowledged.get(topic!)!;
        assert(!known.has(sequence!), `sequence ${sequence} was acknowledged twice`);
        known.add(sequence!);
      }
      checkIntegrity(folder.dir);
    }
    const store = await folder.open();
    assert(store.boot.crashedSessions <= 1);
    for (const [topic, sequences] of acknowledged) {
      assert(sequences.size > 0);
      const after = { epoch: `${store.boot.gateway}.1`, offset: 0 };
      const { samples, told } = await replayed(store, { topics: [{ id: topic, after }] });
      const found = samples.map(({ payload }) => new DataView(payload.slice().buffer).getFloat64(0, true));
      assertEquals(found.length, new Set(found).size);
      const present = new Set(found);
      const lost = [...sequences].filter((sequence) => !present.has(sequence));
      assertEquals(lost, []);
      assertEquals(told.filter((item) => item.kind === "gap"), []);
    }
    const sessions = await store.sessions({ limit: 1000 });
    assertEquals(sessions.filter((row) => row.endReason !== "crashed"), []);
  });
}

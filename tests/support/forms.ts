/**
 * The forms in which the gateway is shipped, so that one suite can run against each of them.
 *
 * @module
 */
import { copyProgram } from "./program_file.ts";

/** Name of a form, as the summary of a test run shows it. */
export type FormName =
  | "Deno, source"
  | "Bun, source"
  | "Deno, bundle"
  | "Bun, bundle"
  | "Bun, executable"
  | "Deno, executable";

/** A way to run the gateway. */
export interface Form {
  readonly name: FormName;
  /** Program and arguments in front of the gateway's own. */
  command(): Promise<{ program: string; args: string[]; cwd: string; env: Record<string, string> }>;
}

const ROOT = new URL("../../", import.meta.url).pathname;
const BUNDLE = "dist/tidegate.mjs";
const BUN_EXECUTABLE = "dist/tidegate-bun";
const DENO_EXECUTABLE = "dist/tidegate";

/** What a program gets of this process's environment: nothing that could stand in for a part of the artefact. */
export function cleanEnvironment(path: string): Record<string, string> {
  const keep = ["HOME", "DENO_DIR", "TMPDIR"].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(keep), PATH: path, NO_COLOR: "1" };
}

const ENVIRONMENT = cleanEnvironment(Deno.env.get("PATH") ?? "/usr/bin:/bin");

/** The permissions of `deno task gateway`, so that a test cannot pass with more than users have. */
function userPermissions(): string[] {
  const manifest: { tasks: Record<string, string | { command: string }> } = JSON.parse(
    Deno.readTextFileSync(`${ROOT}deno.json`),
  );
  const task = manifest.tasks["gateway"] ?? "";
  const command = typeof task === "string" ? task : task.command;
  const words = command.split(/\s+/);
  const program = words.indexOf("main.ts");
  if (program < 0) throw new Error(`deno.json: task "gateway" does not run main.ts: ${command}`);
  return words.slice(words.indexOf("run") + 1, program);
}

function bun(): string {
  return Deno.env.get("TIDEGATE_BUN") ?? "bun";
}

const folders = new Map<string, Promise<string>>();

/** A folder that holds a copy of the artefact and nothing else; made once per test process. */
function alone(artefact: string): Promise<string> {
  const folder = folders.get(artefact) ?? (async () => {
    const path = await Deno.makeTempDir({ prefix: "tidegate-form-" });
    try {
      await copyProgram(ROOT + artefact, `${path}/${artefact.split("/").at(-1)}`);
    } catch (error) {
      throw new Error(`${artefact} is not there; "deno task compile:bun" builds it`, { cause: error });
    }
    addEventListener("unload", () => Deno.removeSync(path, { recursive: true }));
    return path;
  })();
  folders.set(artefact, folder);
  return folder;
}

async function executable(artefact: string) {
  const folder = await alone(artefact);
  const program = `${folder}/${artefact.split("/").at(-1)}`;
  return { program, args: [], cwd: folder, env: cleanEnvironment("/nonexistent") };
}

const FORMS: readonly Form[] = [
  {
    name: "Deno, source",
    command: () =>
      Promise.resolve({
        program: Deno.execPath(),
        args: ["run", ...userPermissions(), "main.ts"],
        cwd: ROOT,
        env: ENVIRONMENT,
      }),
  },
  {
    name: "Bun, source",
    command: () => Promise.resolve({ program: bun(), args: ["main.ts"], cwd: ROOT, env: ENVIRONMENT }),
  },
  {
    name: "Deno, bundle",
    command: async () => ({
      program: Deno.execPath(),
      args: ["run", ...userPermissions(), "tidegate.mjs"],
      cwd: await alone(BUNDLE),
      env: ENVIRONMENT,
    }),
  },
  {
    name: "Bun, bundle",
    command: async () => ({
      program: bun(),
      args: ["tidegate.mjs"],
      cwd: await alone(BUNDLE),
      env: ENVIRONMENT,
    }),
  },
  { name: "Bun, executable", command: () => executable(BUN_EXECUTABLE) },
];

const DENO_APPLIANCE: Form = { name: "Deno, executable", command: () => executable(DENO_EXECUTABLE) };

/**
 * Every form, Deno's executable among them where its base binary is to be had.
 * `TIDEGATE_FORMS` ("Deno, source;Bun, source") keeps to some of them while working on a test.
 */
export function shippedForms(): Form[] {
  const all = Deno.env.get("DENORT_BIN") ? [...FORMS, DENO_APPLIANCE] : [...FORMS];
  const only = Deno.env.get("TIDEGATE_FORMS")?.split(";");
  return only ? all.filter((form) => only.includes(form.name)) : all;
}

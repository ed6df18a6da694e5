/**
 * Age of the newest value in Chromium on emulated links, over the WebSocket and over WebRTC, through the gateway's
 * bundle on Deno and on Bun; and what sending over many data channels costs. Needs root (network namespaces) and
 * Chromium, but for `cost`.
 *
 * ```sh
 * deno task bench:rtc                    # everything, some fourteen minutes
 * deno task bench:rtc --quick            # shorter and fewer
 * deno task bench:rtc loss narrow        # some cases
 * deno task bench:rtc cut --bun          # on one runtime; --deno for the other
 * deno task bench:rtc cost               # CPU time of the gateway for 50 dashboards
 * deno task bench:rtc --markdown FILE    # the tables, for docs/WEBRTC.md
 * ```
 *
 * @module
 */
import { readFile, writeFile } from "node:fs/promises";
import { setPriority } from "node:os";
import { type Form, shippedForms } from "../tests/support/forms.ts";
import { Site } from "../tests/support/link/site.ts";
import { CASES, type Effort, type Line } from "./rtc/cases.ts";
import { cost } from "./rtc/cost.ts";

/** Forms that are compared. */
const FORMS = ["Deno, bundle", "Bun, bundle"];

/** The case that needs no link: its figures are of the machine alone. */
const COST = "cost";

/** Before the cost is measured, in milliseconds: compilers and congestion windows warm up. */
const COST_WARM_MS = 3_000;

/** Longest that one runtime's cases may take, in seconds. */
const LIFETIME_S = 1_800;

const FULL: Effort = { measureMs: 12_000, repeats: 4 };
const QUICK: Effort = { measureMs: 6_000, repeats: 2 };

/** The lines as tables in Markdown: one for each set of columns. */
function tables(lines: Line[]): string {
  const out: string[] = [];
  const columns = (line: Line) => Object.keys(line.figures);
  for (const some of Map.groupBy(lines, (line) => columns(line).join("|")).values()) {
    const names = columns(some[0]!);
    out.push(`| link | runtime | over | ${names.join(" | ")} |`);
    out.push(`| --- | --- | --- | ${names.map(() => "--:").join(" | ")} |`);
    for (const { link, runtime, way, figures } of some) {
      out.push(`| ${link} | ${runtime} | ${way} | ${names.map((name) => figures[name]).join(" | ")} |`);
    }
    out.push("");
  }
  return out.join("\n");
}

/** Rows that have all columns in common. */
function table(rows: Record<string, string>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, names.map(() => "---"), ...rows.map((row) => names.map((name) => row[name] ?? ""))];
  return rows.length === 0 ? "" : lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

/** Keeps other programs of a busy machine out where that is allowed; programs started from here inherit it. */
async function takePriority(): Promise<void> {
  const priority = Number(Deno.env.get("BENCH_NICE") ?? "0");
  if (priority === 0) return;
  setPriority(0, priority);
  await writeFile("/proc/self/autogroup", String(priority)).catch(() => {});
}

async function main(args: string[]): Promise<void> {
  const markdown = args.indexOf("--markdown");
  const file = markdown < 0 ? undefined : args.splice(markdown, 2)[1];
  const effort = args.includes("--quick") ? QUICK : FULL;
  const chosen = args.filter((word) => !word.startsWith("--"));
  const unknown = chosen.find((name) => !CASES[name] && name !== COST);
  if (unknown) {
    throw new Error(`there is no case "${unknown}", only ${[...Object.keys(CASES), COST].join(", ")}`);
  }
  const runtimes = ["deno", "bun"].filter((name) => args.includes(`--${name}`));
  const measured = ({ name }: Form) =>
    FORMS.includes(name) &&
    (runtimes.length === 0 || runtimes.some((runtime) => name.toLowerCase().startsWith(runtime)));
  await takePriority();
  const progress = (text: string) => console.error(`… ${text}`);
  const costs = chosen.length === 0 || chosen.includes(COST)
    ? await cost({ warmMs: COST_WARM_MS, measureMs: effort.measureMs, progress })
    : [];
  const lines: Line[] = [];
  for (const form of shippedForms().filter(measured)) {
    if (chosen.length > 0 && chosen.every((name) => name === COST)) break;
    await using site = await Site.start(form, { lifetimeS: LIFETIME_S });
    const runtime = form.name.split(",")[0]!;
    const setting = { site, runtime, effort, progress };
    for (const [name, run] of Object.entries(CASES)) {
      if (chosen.length > 0 && !chosen.includes(name)) continue;
      const found = await run(setting);
      for (const line of found) console.error(JSON.stringify(line));
      lines.push(...found);
    }
  }
  const text = tables(lines) + table(costs);
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${navigator.hardwareConcurrency} cores, load average ${
      (await readFile("/proc/loadavg", "utf8")).split(" ").slice(0, 3).join(" ")
    }, all times in ms\n\n${text}`,
  );
  if (file) await writeFile(file, text);
}

await main([...Deno.args]);

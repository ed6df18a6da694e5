/**
 * README's first command, as a newcomer runs it: the task itself, with the permissions that deno.json gives it
 * and the folder that it chooses, on a copy of the project in which nothing has been built.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { TestBrowser } from "../support/browser.ts";
import { grown, someNumberChanged } from "../support/page.ts";
import { ProjectCopy } from "../support/project_copy.ts";

/** The address that README names may be taken on this machine; nothing else differs. */
const ANY_PORTS = ["--listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0"];

async function json<T>(project: ProjectCopy, ...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await project.task("gateway", ...args, "--json");
  assertEquals([code, stderr], [0, ""], args.join(" "));
  return JSON.parse(stdout) as T;
}

Deno.test("the start task on a fresh clone shows this machine live, records it, and ends with 0 when told to", async () => {
  await using project = await ProjectCopy.make();
  await using start = project.start("start", ...ANY_PORTS);
  const [, link] = await start.says(/^open +(\S+)$/m);

  await using browser = await TestBrowser.start();
  const { page, faults } = await browser.open(link!);
  await page.goto(link!);
  await page.waitForSelector('.pill[data-state="open"]');
  await page.locator('.card[data-name="memory"] canvas').waitFor();
  await grown(page, "received", 50); // some seconds' worth of all readings, those of processors among them
  await someNumberChanged(page);
  assertEquals(faults, []);

  assertEquals(await start.stop(), 0, start.said);
  const { sessions } = await json<{ sessions: { id: string; device: string; endReason: string }[] }>(
    project,
    ...["sessions", "list", "--role", "device"],
  );
  assertEquals(sessions.map(({ endReason }) => endReason), ["normal"], start.said);
  const [{ id, device } = { id: "", device: "" }] = sessions;
  const { topics } = await json<{ topics: { topic: string; samples: number }[] }>(
    project,
    ...["sessions", "show", id],
  );
  for (const name of ["cpu", "cpu/0", "memory", "load", "uptime", "filesystem/data"]) {
    const samples = topics.find(({ topic }) => topic === `${device}/${name}`)?.samples ?? 0;
    assert(
      samples > 0,
      `nothing of ${name} in ${topics.map(({ topic }) => topic).join(", ")}\n${start.said}`,
    );
  }
  // Only the kernel's files tell this one: without the permission to ask for them it would be 0.
  const { points } = await json<{ points: { value: { cached: number } }[] }>(
    project,
    ...["sessions", "samples", id, `${device}/memory`, "--max-points", "4"],
  );
  assert((points.at(-1)?.value.cached ?? 0) > 0, JSON.stringify(points.at(-1)));
});

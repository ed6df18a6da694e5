/**
 * Puts programs on disk so that they can be run at once.
 *
 * A file that this process itself wrote is open for writing for a moment. A program that another test starts in
 * that moment inherits the descriptor until it runs, and Linux refuses to run a file that somebody has open for
 * writing ("Text file busy"). So other programs, which start nothing, do the writing.
 *
 * @module
 */

/** Copies the program `from` to `to`; throws with the reason when it cannot. */
export async function copyProgram(from: string, to: string): Promise<void> {
  await write("cp", ["--", from, to], "");
}

/** Writes `text` to a new file that its owner may run, and says where it is. */
export async function writeScript(prefix: string, text: string): Promise<string> {
  const path = await Deno.makeTempFile({ prefix, suffix: ".sh" });
  await write("install", ["-m", "700", "/dev/stdin", path], text);
  return path;
}

async function write(program: string, args: string[], input: string): Promise<void> {
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "null", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {}); // the program's own message says more
  await writer.close().catch(() => {});
  const { success, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}

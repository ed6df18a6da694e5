/**
 * A gateway at one end of an emulated link and Chromium at the other.
 *
 * @module
 */
import { type Browser, chromium } from "playwright-core";
import { type FormName, shippedForms } from "./forms.ts";
import { type Link, NEAR } from "./link.ts";

/** The gateway's address, as both ends of the link know it. */
export const LINK_URL = `http://${NEAR}:8080`;

/** A program in one of the namespaces; ends with the test. */
export class LinkProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** Starts a program; what it prints on standard error is shown. */
  static start(
    link: Link,
    end: "near" | "far",
    program: string,
    args: string[],
    options: Deno.CommandOptions = {},
  ): LinkProgram {
    const inside = link.inside(end, program, args);
    const streams = { stdin: "null", stdout: "null", stderr: "null" } as const;
    return new LinkProgram(
      new Deno.Command(inside.program, { ...streams, ...options, args: inside.args }).spawn(),
    );
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill();
    } catch {
      // it has ended by itself
    }
    await this.#child.status;
  }
}

/** Runs a program in a namespace to its end. */
export async function runInside(
  link: Link,
  end: "near" | "far",
  program: string,
  args: string[],
): Promise<void> {
  const inside = link.inside(end, program, args);
  const { success, stderr } = await new Deno.Command(inside.program, { args: inside.args }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** Starts a gateway at the near end; resolves with an operator's token once it listens. */
export async function gatewayOnLink(
  link: Link,
  form: FormName,
  data: string,
  more: string[] = [],
): Promise<{ token: string; program: LinkProgram }> {
  const { program, args, cwd, env } = await shippedForms().find(({ name }) => name === form)!.command();
  const serve = ["serve", "--listen", `${NEAR}:8080`, "--insecure-listen", "--data", data, ...more];
  const running = LinkProgram.start(link, "near", program, [...args, ...serve], { cwd, env });
  for (let i = 0; i < 300; i++) {
    try {
      const { token } = JSON.parse(await Deno.readTextFile(`${data}/run.json`)) as { token: string };
      return { token, program: running };
    } catch {
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  await running[Symbol.asyncDispose]();
  throw new Error("the gateway did not start on the link");
}

/** Starts Chromium at the far end. `folder` takes a script that leads into the namespace. */
export async function browserOnLink(link: Link, folder: string): Promise<Browser> {
  const { program, args } = link.inside("far", Deno.env.get("TIDEGATE_CHROMIUM") ?? "/usr/bin/chromium", []);
  const script = `${folder}/chromium`;
  await Deno.writeTextFile(script, `#!/bin/sh\nexec ${program} ${args.join(" ")} "$@"\n`, { mode: 0o755 });
  return await chromium.launch({
    executablePath: script,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
  });
}

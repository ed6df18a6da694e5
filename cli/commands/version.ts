/**
 * `version`: what this program is and what it runs on.
 *
 * @module
 */
import { Command } from "commander";
import { arch, platform } from "node:os";
import { PROTOCOL_VERSION } from "../../protocol/control.ts";
import { type Context, print } from "../context.ts";
import { VERSION } from "../version.ts";

/** The command. */
export function versionCommand(context: Context): Command {
  return new Command("version").summary("show versions")
    .description("Shows the version of this program, of its protocol and of the runtime beneath it.")
    .option("--json", "as JSON")
    .action(({ json }: { json?: boolean }) => {
      const { name, version } = context.runtime;
      const facts = {
        version: VERSION,
        protocol: PROTOCOL_VERSION,
        runtime: `${name} ${version}`,
        system: `${platform()} ${arch()}`,
      };
      print(
        context,
        json,
        facts,
        (f) => `tidegate ${f.version}, protocol ${f.protocol}, ${f.runtime}, ${f.system}`,
      );
    });
}

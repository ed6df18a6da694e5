/**
 * The command line: one program, one file per subcommand.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { agentCommand } from "./commands/agent.ts";
import { bridgeCommand } from "./commands/bridge.ts";
import { deviceCommand } from "./commands/device.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { serveCommand } from "./commands/serve.ts";
import { sessionsCommand } from "./commands/sessions.ts";
import { simulateCommand } from "./commands/simulate.ts";
import { tokenCommand } from "./commands/token.ts";
import { versionCommand } from "./commands/version.ts";
import type { Context } from "./context.ts";
import { EXIT, messageOf, UserError } from "./errors.ts";
import { type Io, processIo } from "./io.ts";
import type { CliRuntime, Parts } from "./parts.ts";
import { VERSION } from "./version.ts";

const HELP = `
Without a command, serve runs. 'tidegate COMMAND --help' has the options and examples of each.

Exit codes:
  0  done
  1  it failed, or doctor found a fault
  2  wrong command line, environment or config file; nothing was done
  3  no gateway answers, or its database cannot be opened
  4  the gateway refused: wrong token, or one that may not do this`;

const COMMANDS = [
  serveCommand,
  agentCommand,
  simulateCommand,
  deviceCommand,
  tokenCommand,
  sessionsCommand,
  bridgeCommand,
  doctorCommand,
  versionCommand,
];

/** The whole command line, ready to parse. */
export function program(context: Context): Command {
  const root = new Command("tidegate")
    .description("IoT telemetry gateway: devices stream binary samples in, dashboards see them live.")
    .version(VERSION, "-V, --version", "show the version")
    .helpCommand("help [COMMAND]", "show help of a command")
    .addHelpText("after", HELP);
  for (const command of COMMANDS) {
    root.addCommand(command(context), { isDefault: command === serveCommand });
  }
  return plainErrors(root, context.io);
}

/** Takes output and exit out of commander's hands, all the way down. */
function plainErrors(command: Command, io: Io): Command {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.out(text.trimEnd()),
    writeErr: () => {},
    getOutHelpWidth: () => Math.min(io.columns, 110),
  }).configureHelp({ sortSubcommands: false }).showSuggestionAfterError();
  for (const inner of command.commands) plainErrors(inner, io);
  return command;
}

/**
 * Runs one command.
 *
 * @param args Command line behind the program's own name.
 * @returns What the program should exit with; see {@link EXIT}.
 */
export async function run(
  runtime: CliRuntime,
  args: readonly string[],
  parts: Parts,
  io: Io = processIo(),
): Promise<number> {
  const context: Context = { io, runtime, parts, exitCode: EXIT.ok };
  try {
    const root = program(context);
    refuseUnknownCommand(root, args);
    await root.parseAsync([...args], { from: "user" });
    return context.exitCode;
  } catch (error) {
    return report(io, error);
  } finally {
    await io.flush();
  }
}

/** The default command would take an unknown one for its own superfluous argument. */
function refuseUnknownCommand(root: Command, args: readonly string[]): void {
  const name = args[0];
  if (name === undefined || name.startsWith("-") || name === "help") return;
  const names = root.commands.map((command) => command.name());
  if (!names.includes(name)) {
    throw new UserError(`unknown command ${JSON.stringify(name)}; there are ${names.join(", ")}`);
  }
}

function report(io: Io, error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok;
    io.err(`tidegate: ${messageOf(error).replace(/^error: /, "")}`);
    return EXIT.usage;
  }
  if (error instanceof UserError) {
    io.err(`tidegate: ${messageOf(error)}`);
    return error.exitCode;
  }
  // Not the user's doing: whoever mends it needs the place.
  io.err(error instanceof Error ? error.stack ?? error.message : String(error));
  return EXIT.failed;
}

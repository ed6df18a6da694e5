/**
 * `doctor ice`: whether WebRTC can work here, and why sessions are on their transports.
 *
 * @module
 */
import { Command } from "commander";
import { withApi } from "../api.ts";
import { type Context, print } from "../context.ts";
import { type Finding, lineOf } from "../doctor/finding.ts";
import { checkIce } from "../doctor/ice.ts";
import { sessionTransports, transportLines } from "../doctor/transports.ts";
import { EXIT, UserError } from "../errors.ts";
import { rtcSettings } from "../rtc.ts";
import { settingsFrom, withSettings } from "../setting_flags.ts";

const HELP = `
Give it the settings that serve gets: STUN and TURN servers are asked as a peer would ask them, TURN with the
configured credentials. Sessions are those of the gateway that runs over the data folder, or of --url.

Examples:
  tidegate doctor ice
  tidegate doctor ice 01jabc…                    one session, with candidates and the pairs that were tried
  tidegate doctor ice --rtc-ice-servers turn:turn.example.org:3478 --rtc-turn-secret SECRET --json

Exits with 1 when a check fails; a session on its WebSocket is no failure.`;

/** Subcommand of `doctor`. */
export function iceCommand(context: Context): Command {
  return withSettings(new Command("ice")).argument("[SESSION]", "id of a session, open or on record")
    .summary("check WebRTC, and explain why sessions are on their transports")
    .description(
      "Checks what WebRTC needs here, and says in plain words why each session is on its transport.",
    )
    .option("--url <URL>", "gateway whose sessions to explain (or TIDEGATE_URL)")
    .option("--token <TOKEN>", "an operator's token for it (or TIDEGATE_TOKEN)")
    .option("--ca <FILE>", "certificate to trust, PEM, for a self-signed gateway (or TIDEGATE_CA)")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action((session: string | undefined, _: unknown, command: Command) => {
      // settings may stand before the word "ice" too, where commander takes them for doctor's own
      return examine(context, session, command.optsWithGlobals());
    });
}

type Options = Record<string, unknown> & {
  url?: string;
  token?: string;
  ca?: string;
  data?: string;
  json?: boolean;
};

async function examine(context: Context, session: string | undefined, options: Options): Promise<void> {
  const findings = await configuration(context, options);
  if (findings.some(({ status }) => status === "fail")) context.exitCode = EXIT.failed;
  const { transports, missing } = await explained(context, session, options);
  print(context, options.json, { findings, transports }, () =>
    [
      ...findings.map(lineOf),
      "",
      ...(missing === undefined ? [] : [`sessions: ${missing}`]),
      ...(missing === undefined && transports.length === 0 ? ["sessions: none is open"] : []),
      ...transports.flatMap((one) => transportLines(one, session !== undefined)),
    ].join("\n"));
}

async function configuration(context: Context, options: Options): Promise<Finding[]> {
  try {
    const { config } = await settingsFrom(context, options);
    return await checkIce(rtcSettings(config.rtc));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [{ check: "settings", status: "fail", message: error.message }];
  }
}

/** Without a gateway the configuration is explained all the same; a session that was asked for must be found. */
async function explained(context: Context, session: string | undefined, options: Options) {
  try {
    return {
      transports: await withApi(context, options, (api) => sessionTransports(api, session)),
      missing: undefined,
    };
  } catch (error) {
    if (!(error instanceof UserError) || session !== undefined) throw error;
    return { transports: [], missing: error.message };
  }
}

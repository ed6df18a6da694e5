/**
 * `doctor`: looks for what keeps a gateway from working, and says what to do.
 *
 * @module
 */
import { Command } from "commander";
import type { Config } from "../config.ts";
import { type Context, print } from "../context.ts";
import {
  checkBridges,
  checkClock,
  checkData,
  checkDatabase,
  checkDisk,
  checkGateway,
  checkPort,
  checkTls,
} from "../doctor/checks.ts";
import { clockSync } from "../doctor/clock_sync.ts";
import { type Finding, lineOf } from "../doctor/finding.ts";
import { iceCommand } from "./doctor_ice.ts";
import { EXIT, UserError } from "../errors.ts";
import { liveRun } from "../probe.ts";
import { settingsFrom, withSettings } from "../setting_flags.ts";

const HELP = `
Give it the settings that serve gets: the same flags, environment and config file.

Examples:
  tidegate doctor
  tidegate doctor --config /etc/tidegate.json
  tidegate doctor --running                      for a container's health check
  tidegate doctor --listen :443 --tls-cert cert.pem --tls-key key.pem --json
  tidegate doctor ice                            WebRTC: servers, ports, and why sessions are where they are

Exits with 1 when a check fails; warnings do not count.`;

/** The command. */
export function doctorCommand(context: Context): Command {
  const command = withSettings(new Command("doctor")).summary("check port, disk, clock, TLS and database")
    .description("Checks settings, data folder, disk, database, port, TLS and clock, and says what to do.")
    .option("--running", "a gateway must be running and ready: for health checks")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action(async (options: Record<string, unknown> & { json?: boolean }) => {
      const findings = await examine(context, options);
      if (findings.some(({ status }) => status === "fail")) context.exitCode = EXIT.failed;
      print(context, options.json, { findings }, () => findings.map(lineOf).join("\n"));
    });
  return command.addCommand(iceCommand(context));
}

async function examine(context: Context, options: Record<string, unknown>): Promise<Finding[]> {
  let config: Config;
  try {
    config = (await settingsFrom(context, options)).config;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [{ check: "settings", status: "fail", message: error.message }];
  }
  const run = await liveRun(config.data);
  const gateway = run && await checkGateway(run);
  if (options.running) return [gateway?.finding ?? notRunning(config.data)];
  const nowMs = Date.now();
  return [
    { check: "settings", status: "ok", message: "agree with each other" },
    await checkData(config),
    await checkDisk(config),
    gateway?.finding ?? await checkDatabase(config, context.parts),
    await checkPort(config, run),
    await checkTls(config, nowMs),
    checkClock(nowMs, gateway?.gatewayMs, await clockSync(nowMs)),
    ...await checkBridges(config),
  ];
}

function notRunning(data: string): Finding {
  const message = `no gateway answers over ${data}`;
  return { check: "gateway", status: "fail", message, advice: "start one with `tidegate serve`" };
}

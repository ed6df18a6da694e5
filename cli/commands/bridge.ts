/**
 * `bridge`: tries an MQTT broker out.
 *
 * @module
 */
import { Command } from "commander";
import type { VerifyReport } from "../../mqtt/bridge/verify.ts";
import { errorInWords } from "../../mqtt/bridge/reasons.ts";
import { type Context, print } from "../context.ts";
import { EXIT, UserError } from "../errors.ts";

const HELP = `
Sends events to the broker over a bridge with a database of its own, cuts the connection, stops reading and restarts
in between, and counts what an independent subscriber gets. Publishes below tidegate/verify-…/ only.

Examples:
  tidegate bridge verify mqtt://user:password@broker.example.org
  tidegate bridge verify mqtts://broker:8883 --ca ca.pem --cert gateway.pem --key gateway.key --rounds 30

Exits with 1 when an event is lost.`;

interface VerifyFlags {
  rounds: string;
  events: string;
  mqttVersion: string;
  ca?: string;
  cert?: string;
  key?: string;
  json?: boolean;
}

/** The command. */
export function bridgeCommand(context: Context): Command {
  const command = new Command("bridge").summary("try an MQTT broker out");
  command.command("verify").argument("<URL>", "broker: mqtt://, mqtts://, ws:// or wss://")
    .summary("count what arrives over a bridge that is cut and restarted")
    .option("--rounds <N>", "how often something breaks", "9")
    .option("--events <N>", "events in each round", "1000")
    .option("--mqtt-version <4|5>", "4 is MQTT 3.1.1", "5")
    .option("--ca <FILE>", "authorities to trust, PEM")
    .option("--cert <FILE>", "client certificate, PEM")
    .option("--key <FILE>", "its key, PEM")
    .option("--json", "as JSON")
    .addHelpText("after", HELP)
    .action((url: string, flags: VerifyFlags) => verify(context, url, flags));
  return command;
}

async function verify(context: Context, url: string, flags: VerifyFlags): Promise<void> {
  // The MQTT library is loaded where it is used only: other commands start faster without.
  const { verifyBridge } = await import("../../mqtt/bridge/verify.ts");
  const world = await context.parts.openVerifyWorld();
  try {
    const report = await verifyBridge(world, {
      url,
      version: flags.mqttVersion === "4" ? 4 : 5,
      ...(flags.ca === undefined ? {} : { caFile: flags.ca }),
      ...(flags.cert === undefined ? {} : { certFile: flags.cert }),
      ...(flags.key === undefined ? {} : { keyFile: flags.key }),
      rounds: whole(flags.rounds, "--rounds"),
      eventsPerRound: whole(flags.events, "--events"),
      settleMs: 60_000,
      said: (message) => context.io.err(message),
    });
    if (report.lost > 0) context.exitCode = EXIT.failed;
    print(context, flags.json, report, inWords);
  } catch (error) {
    throw new UserError(`the broker could not be tried: ${errorInWords(error)}`, EXIT.failed);
  } finally {
    await world.remove();
  }
}

function inWords(report: VerifyReport): string {
  const { sent, received, lost, repeated, outOfOrder, cuts, stalls, restarts, seconds } = report;
  return `${sent} sent, ${received} received, ${lost} lost, ${repeated} repeated, ${outOfOrder} out of order ` +
    `(${cuts} cuts, ${stalls} stalls, ${restarts} restarts, ${seconds.toFixed(1)} s)`;
}

function whole(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 1_000_000) return value;
  throw new UserError(`${flag}: expected a whole number from 1 to 1000000, got ${JSON.stringify(text)}`);
}

/**
 * `simulate`: devices that exist only to send.
 *
 * @module
 */
import { Command, Option } from "commander";
import { connectDevice, type Device } from "../../client/device.ts";
import { addDevice, call, callList, pathOf } from "../api.ts";
import { type ApiClient, connect, type GatewayOptions, withGatewayOptions } from "../connect.ts";
import { type Context, print } from "../context.ts";
import { deviceConnection } from "../device_connection.ts";
import { EXIT, UserError } from "../errors.ts";
import { Fleet, type FleetCounts, type Load } from "../simulate/fleet.ts";
import { tickMs } from "../simulate/pace.ts";
import { type Shape, SHAPES } from "../simulate/payload.ts";
import { OpenSockets } from "../open_sockets.ts";
import { type StopSignal, stopSignal } from "../stop_signal.ts";
import { formatDuration, parseDuration } from "../units.ts";

type SimulateOptions = GatewayOptions & {
  devices: string;
  rate: string;
  bytes: string;
  class: "state" | "event";
  shape: Shape;
  prefix: string;
  duration?: string;
  cleanUp?: boolean;
};

const HELP = `
Needs an operator's token, or the gateway on this machine (--data): the devices are added as PREFIX-1, PREFIX-2, …
and stay known to the gateway unless --clean-up revokes them at the end.

Examples:
  tidegate simulate --devices 50 --rate 20
  tidegate simulate --devices 10 --rate 100 --bytes 64 --class event --duration 30s --clean-up --json
  tidegate simulate --url https://gateway.example:8443 --token tg_… --shape random`;

const MAX_DEVICES = 10_000;
const MAX_RATE_HZ = 10_000;
const MAX_BYTES = 65_536;

/** What marks a device as ours to take over. */
const DESCRIPTION = "simulated";

/** Devices that are added or revoked at a time. */
const AT_A_TIME = 8;

/** The progress line is renewed this often, in milliseconds. */
const PROGRESS_EVERY_MS = 500;

/** The command. */
export function simulateCommand(context: Context): Command {
  return withGatewayOptions(new Command("simulate")).summary("run simulated devices against a gateway")
    .description("Runs simulated devices that send at a fixed rate, and shows how it goes.")
    .option("--devices <N>", "how many", "10")
    .option("--rate <HZ>", "samples a second of each", "10")
    .option("--bytes <N>", "size of a sample's payload", "8")
    .addOption(new Option("--class <CLASS>", "what may be lost").choices(["state", "event"]).default("state"))
    .addOption(new Option("--shape <SHAPE>", "the value over time").choices(SHAPES).default("sine"))
    .option("--prefix <NAME>", "what the devices' names begin with", "sim")
    .option("--duration <DURATION>", "how long, e.g. 30s; default until Ctrl-C")
    .option("--clean-up", "revoke the devices at the end")
    .addHelpText("after", HELP)
    .action((options: SimulateOptions) => simulate(context, options));
}

function numberOf(text: string, flag: string, max: number, whole: boolean): number {
  const value = Number(text);
  if (value > 0 && value <= max && (!whole || Number.isInteger(value))) return value;
  const kind = whole ? "a whole number from 1" : "a number above 0";
  throw new UserError(`${flag}: expected ${kind} to ${max}, got ${JSON.stringify(text)}`);
}

/** Milliseconds to send for; without end where nothing is said. */
function durationOf(text: string | undefined): number {
  if (text === undefined) return Infinity;
  const duration = parseDuration(text);
  if (!duration) {
    throw new UserError(`--duration: expected a duration such as 30s, got ${JSON.stringify(text)}`);
  }
  return duration;
}

async function simulate(context: Context, options: SimulateOptions): Promise<void> {
  const count = numberOf(options.devices, "--devices", MAX_DEVICES, true);
  const load: Load = {
    rateHz: numberOf(options.rate, "--rate", MAX_RATE_HZ, false),
    bytes: numberOf(options.bytes, "--bytes", MAX_BYTES, true),
    deliveryClass: options.class,
    shape: options.shape,
  };
  const durationMs = durationOf(options.duration);
  const stopped = stopSignal(context.runtime);
  const api = await connect(context, options);
  try {
    const names = Array.from({ length: count }, (_, i) => `${options.prefix}-${i + 1}`);
    const sockets = new OpenSockets();
    const fleet = await assemble(context, api, names, load, sockets);
    await Promise.race([fleet.opened(), stopped.signal]);
    const startedAt = performance.now();
    await sendUntil(context, fleet, load, stopped, durationMs);
    const seconds = (performance.now() - startedAt) / 1_000;
    const { open } = fleet.counts;
    await fleet.close();
    await sockets.closed();
    if (options.cleanUp) {
      await inBatches(names, (name) => call(api, pathOf(["v1", "devices", name]), { method: "DELETE" }));
    }
    print(
      context,
      options.json,
      { seconds, ...fleet.counts, open },
      () => summary(fleet.counts, seconds, load),
    );
  } finally {
    stopped.unwatch();
    await api.close();
  }
}

/** Adds the devices and connects them; those of an earlier run are taken over. */
async function assemble(
  context: Context,
  api: ApiClient,
  names: string[],
  load: Load,
  sockets: OpenSockets,
): Promise<Fleet> {
  const { url } = api;
  if (url === undefined) {
    throw new UserError(
      "no gateway runs over that data folder: start one with 'tidegate serve', or give --url and --token",
      EXIT.unreachable,
    );
  }
  await refuseStrangers(api, names);
  const connection = await deviceConnection(
    context.runtime,
    { url, certificate: api.certificate },
    "simulate",
    sockets,
  );
  const devices: Device[] = [];
  await inBatches(names, async (name) => {
    const { token } = await addDevice(api, { name, description: DESCRIPTION, replace: true });
    devices.push(connectDevice({ ...connection, token }));
    context.io.status(`connecting ${devices.length} of ${names.length}`);
  });
  return new Fleet(devices, load);
}

/** A real device of the same name must not lose its token to a simulation. */
async function refuseStrangers(api: ApiClient, names: readonly string[]): Promise<void> {
  const wanted = new Set(names);
  const known = await callList<{ name: string; description: string }>(api, "/v1/devices", "devices");
  const stranger = known.find(({ name, description }) => wanted.has(name) && description !== DESCRIPTION);
  if (stranger) {
    throw new UserError(
      `device ${stranger.name} exists and is not a simulated one: give --prefix another name`,
      EXIT.failed,
    );
  }
}

async function inBatches(names: readonly string[], work: (name: string) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < names.length; i += AT_A_TIME) {
    await Promise.all(names.slice(i, i + AT_A_TIME).map(work));
  }
}

/** Sends at the load's rate until a signal comes or the time is over. */
async function sendUntil(
  context: Context,
  fleet: Fleet,
  load: Load,
  stopped: StopSignal,
  durationMs: number,
): Promise<void> {
  const startedAt = performance.now();
  const over = Promise.withResolvers<void>();
  let shownAt = startedAt;
  let before = fleet.counts;
  const timer = setInterval(() => {
    const now = performance.now();
    // The last look may come late: what was due by the end belongs to the run, what came due later does not.
    const elapsedMs = Math.min(now - startedAt, durationMs);
    fleet.tick(elapsedMs / 1_000);
    if (elapsedMs === durationMs) return over.resolve();
    if (now - shownAt < PROGRESS_EVERY_MS) return;
    const counts = fleet.counts;
    context.io.status(progress(counts, before, (now - shownAt) / 1_000, now - startedAt, load));
    before = counts;
    shownAt = now;
  }, tickMs(fleet.counts.devices, load.rateHz));
  await Promise.race([stopped.signal, over.promise]);
  clearInterval(timer);
  context.io.status("");
}

/** The live line: what happened since the last one. */
export function progress(
  now: FleetCounts,
  before: FleetCounts,
  seconds: number,
  elapsedMs: number,
  { deliveryClass }: Pick<Load, "deliveryClass">,
): string {
  const rate = (key: "sent" | "acked") => Math.round((now[key] - before[key]) / seconds);
  const confirmed = deliveryClass === "event" ? `  acked ${rate("acked")}/s` : "";
  return `${formatDuration(elapsedMs).padEnd(7)} ${now.open}/${now.devices} connected  sent ${
    rate("sent")
  }/s` +
    `${confirmed}  total ${now.sent}${losses(now)}`;
}

function losses({ failed, conflated, skipped }: FleetCounts): string {
  return (failed ? `  failed ${failed}` : "") + (conflated ? `  conflated ${conflated}` : "") +
    (skipped ? `  not kept up ${skipped}` : "");
}

function summary(counts: FleetCounts, seconds: number, { deliveryClass }: Load): string {
  const perSecond = Math.round(counts.sent / seconds);
  const confirmed = deliveryClass === "event" ? `, ${counts.acked} confirmed on disk` : "";
  return `${counts.devices} devices sent ${counts.sent} samples in ${
    formatDuration(seconds * 1_000)
  } (${perSecond}/s)${confirmed}${losses(counts)}`;
}

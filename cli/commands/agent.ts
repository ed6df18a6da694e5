/**
 * `agent`: streams this machine's metrics to a gateway.
 *
 * @module
 */
import { Command } from "commander";
import { homedir } from "node:os";
import { join } from "node:path";
import { connectDevice, type Device, type DeviceOptions } from "../../client/device.ts";
import type { Status } from "../../client/status.ts";
import { type Agent, startAgent } from "../agent/agent.ts";
import { credentialsFile, ensureDevice, readCredentials, writeCredentials } from "../agent/credentials.ts";
import { deviceName } from "../agent/device_name.ts";
import { hostSource } from "../agent/host.ts";
import {
  type ApiClient,
  connect,
  dataFolder,
  type GatewayOptions,
  namedTarget,
  overHttp,
} from "../connect.ts";
import { type Target, withGatewayOptions } from "../connect.ts";
import type { Context } from "../context.ts";
import { deviceConnection } from "../device_connection.ts";
import { EXIT, messageOf, UserError } from "../errors.ts";
import { OpenSockets } from "../open_sockets.ts";
import { stopSignal } from "../stop_signal.ts";

type AgentCommandOptions = GatewayOptions & { device?: string; rate: string; state?: string };

const HELP = `
How it gets its token:
  --token DEVICE-TOKEN       as 'device add' printed it
  --token OPERATOR-TOKEN     adds itself as a device and keeps its token for the next run
  --data DIR                 the gateway on this machine over that folder; the same
  --url alone                asks to be enrolled, shows a code, and waits for 'device approve CODE'

Examples:
  tidegate agent                                            to the gateway on this machine
  tidegate agent --url https://gateway.example:8443         asks to be let in
  TIDEGATE_TOKEN=tg_… tidegate agent --url https://gateway.example:8443 --rate 1

CPU, memory, network and disks are sent at --rate; load, temperatures, uptime and file systems every 2 s.`;

const FASTEST_HZ = 100;

/** The command. */
export function agentCommand(context: Context): Command {
  return withGatewayOptions(new Command("agent")).summary("stream this machine's metrics to a gateway")
    .description("Streams this machine's CPU, memory, network, disk and load to a gateway, as a device.")
    .option("--device <NAME>", "name to appear under; default this machine's (or TIDEGATE_DEVICE)")
    .option("--rate <HZ>", `readings a second, up to ${FASTEST_HZ}`, "10")
    .option("--state <FILE>", "where the device's token is kept between runs")
    .addHelpText("after", HELP)
    .action((options: AgentCommandOptions) => runAgent(context, options));
}

function intervalOf(rate: string): number {
  const hertz = Number(rate);
  if (!(hertz > 0 && hertz <= FASTEST_HZ)) {
    throw new UserError(
      `--rate: expected a number above 0 and up to ${FASTEST_HZ}, got ${JSON.stringify(rate)}`,
    );
  }
  return 1_000 / hertz;
}

async function runAgent(context: Context, options: AgentCommandOptions): Promise<void> {
  const fastEveryMs = intervalOf(options.rate);
  const name = deviceName(options.device ?? context.io.env.TIDEGATE_DEVICE);
  const stopped = stopSignal(context.runtime);
  const sockets = new OpenSockets();
  const device = connectDevice(await connectionOf(context, options, name, sockets));
  const agent = startAgent({
    device,
    source: await hostSource(),
    fastEveryMs,
    onError: (error) => context.io.err(`reading failed: ${messageOf(error)}`),
  });
  const end = Promise.withResolvers<Status & { state: "closed" }>();
  let state: Status["state"] | undefined;
  const unwatch = device.onStatus((status) => {
    // An open session tells its status at each measurement of the round trip.
    if (status.state !== state) report(context, device, status);
    state = status.state;
    if (status.state === "closed") end.resolve(status);
  });
  const progress = setInterval(() => showProgress(context, device, agent), 1_000);
  const outcome = await Promise.race([stopped.signal, end.promise]);
  clearInterval(progress);
  unwatch();
  context.io.status("");
  await agent.stop();
  await sockets.closed();
  stopped.unwatch();
  if (typeof outcome !== "string") {
    throw new UserError(`the gateway ended the session for good: ${outcome.reason}`, EXIT.refused);
  }
}

function report({ io }: Context, { name }: Device, status: Status): void {
  switch (status.state) {
    case "connecting":
      return;
    case "enrolling":
      return io.err(`Waiting to be let in. On the gateway: tidegate device approve ${status.code}`);
    case "open":
      return io.err(`${status.resumed ? "Streaming again" : "Streaming"} as ${name}`);
    case "waiting":
      return io.err(
        `Not connected (${status.reason}); trying again in ${(status.retryInMs / 1000).toFixed(1)} s`,
      );
    case "closed":
      return;
    default:
      return status satisfies never;
  }
}

function showProgress({ io }: Context, { name, status }: Device, { published }: Agent): void {
  if (status.state !== "open") return;
  io.status(`${name}: ${published} samples, round trip ${status.roundTripMs.toFixed(1)} ms`);
}

/** How this machine gets in; see the help. */
async function connectionOf(
  context: Context,
  options: AgentCommandOptions,
  name: string,
  sockets: OpenSockets,
): Promise<DeviceOptions> {
  const target = await namedTarget(context, options);
  const token = options.token ?? context.io.env.TIDEGATE_TOKEN;
  if (target) return await connectionTo(context, options, name, target, token, sockets);
  const api = await connect(context, options);
  try {
    if (api.url === undefined) {
      throw new UserError(
        "no gateway runs on this machine over that data folder: start one with 'tidegate serve', or give --url",
        EXIT.unreachable,
      );
    }
    const file = options.state ?? credentialsFile(await dataFolder(context, options), name);
    return await asOperator(context, api, name, file, sockets);
  } finally {
    await api.close();
  }
}

async function connectionTo(
  context: Context,
  options: AgentCommandOptions,
  name: string,
  target: Target,
  token: string | undefined,
  sockets: OpenSockets,
): Promise<DeviceOptions> {
  const connection = await deviceConnection(context.runtime, target, "agent", sockets);
  const file = options.state ??
    credentialsFile(join(homedir(), ".tidegate", new URL(target.url).host.replace(":", "-")), name);
  if (token === undefined) {
    const kept = await readCredentials(file, name);
    if (kept) return { ...connection, token: kept.token };
    return {
      ...connection,
      enrol: { device: name, description: "host agent" },
      onEnrolled: (device, given) => {
        writeCredentials(file, { device, token: given }).catch((error) => context.io.err(messageOf(error)));
      },
    };
  }
  const api = overHttp(target.url, token, target.certificate);
  const response = await api.request("/v1/tokens");
  await response.body?.cancel();
  if (response.status === 401) {
    throw new UserError(`${target.url} does not know this token, or it was revoked`, EXIT.refused);
  }
  // Only an operator may list tokens; whoever may not is taken for the device itself.
  return response.ok ? await asOperator(context, api, name, file, sockets) : { ...connection, token };
}

async function asOperator(
  context: Context,
  api: ApiClient,
  name: string,
  file: string,
  sockets: OpenSockets,
): Promise<DeviceOptions> {
  const { token } = await ensureDevice(api, name, file);
  const target = { url: api.url!, certificate: api.certificate };
  return { ...await deviceConnection(context.runtime, target, "agent", sockets), token };
}

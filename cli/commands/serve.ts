/**
 * `serve`: runs the gateway until it is told to stop.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Command } from "commander";
import process from "node:process";
import type { Agent } from "../agent/agent.ts";
import type { Config } from "../config.ts";
import type { Context } from "../context.ts";
import { EXIT, messageOf, UserError } from "../errors.ts";
import { startHostAgent } from "../host_agent.ts";
import { listenProblem } from "../listen_problem.ts";
import { startLog } from "../log.ts";
import type { GatewaySettings, StartedGateway, TlsSettings } from "../parts.ts";
import { configJson, configTable } from "../print_config.ts";
import { liveRun } from "../probe.ts";
import { rtcSettings } from "../rtc.ts";
import { removeRunFile, writeRunFile } from "../run_file.ts";
import { settingsFrom, withSettings } from "../setting_flags.ts";
import { stopSignal } from "../stop_signal.ts";
import { VERSION } from "../version.ts";

/** A service manager's patience: whoever does not stop within this long is cut off. */
const STOP_WITHIN_MS = 5_000;

const HELP = `
Examples:
  tidegate serve --agent                         this machine's metrics, live on http://127.0.0.1:8080
  tidegate serve --listen :8443 --tls auto       reachable from other machines, self-signed certificate
  tidegate serve --config /etc/tidegate.json --print-config

Every setting can come from a flag, from the environment (--retention-max-age is
TIDEGATE_RETENTION_MAX_AGE) or from the config file ({"retention": {"maxAge": "7d"}}); the first of these wins.
SIGTERM and Ctrl-C say bye to the peers, commit what is recorded and exit with 0; a second one exits at once.`;

/** The command. */
export function serveCommand(context: Context): Command {
  const command = new Command("serve").summary("run the gateway (the default command)")
    .description("Runs the gateway: devices stream in, dashboards watch live, every session is on record.");
  return withSettings(command)
    .option("--print-config", "show every setting and where it came from, and start nothing")
    .option("--json", "with --print-config: as JSON")
    .addHelpText("after", HELP)
    .action(async (options: Record<string, unknown>) => {
      const loaded = await settingsFrom(context, options);
      if (options.printConfig) {
        context.io.out(options.json ? JSON.stringify(configJson(loaded)) : configTable(loaded));
      } else {
        await serve(context, loaded.config);
      }
    });
}

/** Settings in the gateway's terms. */
function gatewaySettings(config: Config): GatewaySettings {
  const { listen, data, allowedOrigins, retention, limits, mqtt } = config;
  return {
    listen,
    dataDir: data,
    tls: tlsSettings(config),
    allowedOrigins,
    retention: { maxBytes: retention.maxBytes, maxAgeMs: retention.maxAge },
    limits: {
      idleTimeoutMs: limits.idleTimeout,
      resumeWithinMs: limits.resumeWithin,
      ...(limits.flush === undefined ? {} : { flushMs: limits.flush }),
    },
    rtc: rtcSettings(config.rtc),
    mqtt: {
      listen: mqtt.listen,
      anonymous: mqtt.anonymous,
      eventTopics: mqtt.eventTopics,
      sparkplugNodes: mqtt.sparkplugNodes,
      sessionMaxAgeMs: mqtt.sessionMaxAge,
      bridges: mqtt.bridges,
      ...(mqtt.sparkplug === undefined ? {} : { sparkplug: mqtt.sparkplug }),
      ...(mqtt.name === undefined ? {} : { name: mqtt.name }),
    },
  };
}

function tlsSettings({ tls, tlsCert, tlsKey }: Config): TlsSettings {
  if (tlsCert !== undefined && tlsKey !== undefined) {
    return { mode: "files", certFile: tlsCert, keyFile: tlsKey };
  }
  return { mode: tls };
}

async function serve(context: Context, config: Config): Promise<void> {
  const other = await liveRun(config.data);
  if (other) {
    throw new UserError(
      `a gateway already runs over ${config.data} (process ${other.pid}, ${other.url}): stop it, or give ` +
        "this one another --data",
      EXIT.failed,
    );
  }
  const endLog = await startLog(context.io, config.log);
  try {
    await runUntilStopped(context, config, await start(context, config));
  } finally {
    await endLog();
  }
}

async function start(context: Context, config: Config): Promise<StartedGateway> {
  try {
    return await context.parts.startGateway(gatewaySettings(config));
  } catch (error) {
    const problem = listenProblem(config.listen, error);
    const why = problem ? [problem.message, problem.advice].filter(Boolean).join(": ") : messageOf(error);
    throw new UserError(`the gateway cannot start: ${why}`, EXIT.failed);
  }
}

async function runUntilStopped(context: Context, config: Config, gateway: StartedGateway): Promise<void> {
  const stopped = stopSignal(context.runtime);
  let agent: Pick<Agent, "stop"> | undefined;
  try {
    await writeRunFile(config.data, {
      url: gateway.url,
      pid: process.pid,
      token: gateway.operatorToken,
      startedAt: new Date().toISOString(),
      ...(gateway.certificate === undefined ? {} : { certificate: gateway.certificate }),
      ...(gateway.mqttUrl === undefined ? {} : { mqttUrl: gateway.mqttUrl }),
    });
    announce(context, config, gateway);
    if (config.agent) agent = await startHostAgent(context, gateway, config.data);
    const outcome = await Promise.race([stopped.signal, gateway.failed]);
    if (outcome instanceof Error) {
      throw new UserError(`the gateway had to stop: ${messageOf(outcome)}`, EXIT.failed);
    }
    getLogger("tidegate").info("stopping on {signal}", { signal: outcome });
  } finally {
    await removeRunFile(config.data, process.pid);
    await within(STOP_WITHIN_MS, stop(gateway, agent));
    stopped.unwatch();
  }
}

/** The agent first, so that its last words are recorded. */
async function stop(gateway: StartedGateway, agent: Pick<Agent, "stop"> | undefined): Promise<void> {
  await agent?.stop();
  await gateway.stop();
}

function announce({ io }: Context, config: Config, gateway: StartedGateway): void {
  const log = getLogger("tidegate");
  const { url, fingerprint } = gateway;
  if (config.log.format === "json") {
    log.info("listening on {url}", { url, version: VERSION, data: config.data, fingerprint });
    return;
  }
  io.out(`Tidegate ${VERSION} on ${url}, recording into ${config.data}`);
  if (fingerprint !== undefined) io.out(`certificate (self-signed) SHA-256 ${fingerprint}`);
  if (gateway.mqttUrl !== undefined) io.out(`MQTT  ${gateway.mqttUrl}`);
  io.out(`open  ${url}/#token=${gateway.operatorToken}`);
}

/** Waits, but not for ever: a peer that does not let go must not keep the program. */
async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new UserError(`the gateway did not stop within ${timeoutMs} ms`, EXIT.failed)),
      timeoutMs,
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

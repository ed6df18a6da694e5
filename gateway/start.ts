/**
 * Starts a gateway: opens the database, puts the parts together, listens; stops them in reverse order.
 *
 * @module
 */
import { join } from "node:path";
import { type LoadedTls, loadTls } from "../access/tls.ts";
import type { GatewaySettings, StartedGateway } from "../cli/parts.ts";
import { openStore } from "../db/open.ts";
import type { Store, StoreStatus } from "../db/store.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/limits.ts";
import type { Page } from "../routes/services.ts";
import { decideHandshake } from "../routes/sockets.ts";
import type { RunningServer, Runtime } from "../runtime/runtime.ts";
import { loadWebAssets, PAGE_CONTENT_SECURITY_POLICY } from "../web/assets.ts";
import { buildCore, type Core, type Fault } from "./core.ts";
import { faultLog, log } from "./log.ts";
import { startMqtt } from "./mqtt.ts";
import { buildServices } from "./services.ts";
import { lazily } from "./lazily.ts";
import { Sessions } from "./sessions.ts";
import type { StartThread } from "./threads.ts";
import { TurnedDownLog } from "./turned_down.ts";
import { catchUncaught } from "./uncaught.ts";

/** How often expired tokens and requests are swept away, in milliseconds. */
const SWEEP_EVERY_MS = 5_000;

/** How often the database is asked how it is, in milliseconds. */
const STATUS_EVERY_MS = 2_000;

/**
 * What was not needed to listen is loaded this long after, in milliseconds, before anybody needs it: loading WebRTC
 * takes this thread for some tens of milliseconds, which a stream under way would feel.
 */
const WARM_UP_AFTER_MS = 20;

/** How long peers have to take their leave, in milliseconds; the whole stop has five seconds. */
const STOP_GRACE_MS = 1_500;

/**
 * Starts a gateway.
 *
 * @throws when the data folder, the certificate or the address cannot be used; the message says what to do.
 */
export async function startGateway(
  runtime: Runtime,
  settings: GatewaySettings,
  startThread: StartThread,
): Promise<StartedGateway> {
  const tls = await certificate(settings);
  const store = await openRecording(settings, startThread);
  try {
    return await listen(runtime, settings, store, tls);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function certificate({ tls, dataDir, listen }: GatewaySettings): Promise<LoadedTls | undefined> {
  if (tls.mode === "off") return undefined;
  const loaded = await loadTls(
    tls.mode === "files"
      ? { kind: "files", certFile: tls.certFile, keyFile: tls.keyFile }
      : { kind: "auto", dataDir: join(dataDir), listen: listen.hostname },
  );
  for (const warning of loaded.warnings) log.warn("certificate: {warning}", { warning });
  if (loaded.made) log.info("made a certificate: {made}", { made: loaded.made });
  return loaded;
}

async function openRecording(
  { dataDir, retention }: GatewaySettings,
  startThread: StartThread,
): Promise<Store> {
  const store = await openStore({
    dir: dataDir,
    startThread,
    limits: { maxBytes: retention.maxBytes ?? 0, maxAgeMs: retention.maxAgeMs ?? 0 },
    log: (level, message) => log[level]("{message}", { message }),
  });
  const { crashedSessions } = store.boot;
  if (crashedSessions > 0) {
    log.warn("closed {crashedSessions} sessions of a run that crashed", { crashedSessions });
  }
  return store;
}

async function listen(
  runtime: Runtime,
  settings: GatewaySettings,
  store: Store,
  tls: LoadedTls | undefined,
): Promise<StartedGateway> {
  const page = await livePage();
  const pulse = new Pulse(store);
  const counted = countFaults();
  const core = buildCore(store, { allowedOrigins: settings.allowedOrigins, fault: counted.fault });
  counted.core = core;
  const sessions = new Sessions(core, {
    settings: {
      flushMs: runtime.flushMs,
      flushWithMessages: runtime.dearTimers,
      ...settings.limits,
    },
    newGroup: () => runtime.group(),
    rtc: settings.rtc && { ...settings.rtc, expectDatagrams: runtime.expectDatagrams },
    fault: counted.fault,
  });
  const mqtt = await startMqtt(core, settings, { tls, fault: counted.fault });
  const services = buildServices(core, {
    sessions,
    mqtt,
    page,
    rtc: settings.rtc,
    secure: tls !== undefined,
    status: () => pulse.status,
    fault: counted.fault,
  });
  const app = lazily(async () => (await import("../routes/app.ts")).buildApp(services));
  const turnedDown = new TurnedDownLog((text, values) => log.warning(text, values));
  const server = await runtime.serve({
    ...settings.listen,
    ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key } }),
    maxMessageBytes: MAX_MESSAGE_BYTES,
    idleTimeoutMs: settings.limits.idleTimeoutMs,
    fetch: async (request, { remote }) => (await app()).fetch(request, { remote }),
    upgrade: (request, { remote }) =>
      decideHandshake(request, remote, {
        gate: core.access.gate,
        enrolment: true,
        device: (principal, mode) => sessions.device(principal, mode),
        dashboard: (principal) => sessions.dashboard(principal),
        turnedDown: (handshake) => turnedDown.add(handshake),
        ...(mqtt.accept === undefined ? {} : { mqtt: mqtt.accept }),
      }),
    onFault: (error, where) => counted.fault(where, error),
  }).catch(async (error) => {
    await mqtt.stop();
    throw error;
  });
  const warmUp = setTimeout(
    () => loadTheRest([app, sessions.load, mqtt.load], counted.fault),
    WARM_UP_AFTER_MS,
  );
  const sweep = setInterval(() => core.access.sweep(), SWEEP_EVERY_MS);
  const stopCatching = catchUncaught(counted.fault);
  const stop = async () => {
    clearTimeout(warmUp);
    clearInterval(sweep);
    pulse.stop();
    sessions.stop();
    await mqtt.stop();
    await server.stop(STOP_GRACE_MS);
    await store.close();
    stopCatching();
  };
  const { token } = core.access.tokens.ephemeral({ role: "operator", label: "this run" });
  return {
    ...reachedAt(server, tls, settings),
    operatorToken: token,
    ...(mqtt.url === undefined ? {} : { mqttUrl: mqtt.url }),
    stop: once(stop),
    failed: store.failed,
  };
}

/** Where this machine reaches the server, and what it takes to trust it. */
function reachedAt(server: RunningServer, tls: LoadedTls | undefined, settings: GatewaySettings) {
  const everywhere = ["0.0.0.0", "::", ""].includes(settings.listen.hostname);
  const host = everywhere ? "127.0.0.1" : server.hostname;
  const url = `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${server.port}`;
  if (!tls) return { url };
  const selfSigned = settings.tls.mode === "auto";
  return { url, ...(selfSigned ? { certificate: tls.cert, fingerprint: tls.fingerprint } : {}) };
}

async function livePage(): Promise<Page> {
  return { assets: await loadWebAssets(), contentSecurityPolicy: PAGE_CONTENT_SECURITY_POLICY };
}

/** Loads parts one after another, with turns for others in between. */
async function loadTheRest(parts: readonly (() => Promise<unknown>)[], fault: Fault): Promise<void> {
  for (const load of parts) {
    await load().catch((error) => fault("start", error));
    await new Promise((turn) => setTimeout(turn, 0));
  }
}

/** Faults go to the log and are counted by part. */
function countFaults(): { fault: Fault; core: Core | undefined } {
  const counted: { fault: Fault; core: Core | undefined } = {
    core: undefined,
    fault(where, error) {
      counted.core?.counters.add("faults", where.split(" ")[0] ?? where);
      faultLog(where, error);
    },
  };
  return counted;
}

/** Keeps the database's state at hand, so that /readyz and /metrics answer at once. */
class Pulse {
  status: StoreStatus | undefined;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(store: Pick<Store, "status">) {
    const ask = () => store.status().then((status) => this.status = status, () => {});
    ask();
    this.#timer = setInterval(ask, STATUS_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => done ??= work();
}

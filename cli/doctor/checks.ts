/**
 * The checks of `doctor`, each by itself. None changes anything but for a probe file that it removes again.
 *
 * @module
 */
import { access, constants, rm, stat, statfs, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { loadTls } from "../../access/tls.ts";
import { bridgeName } from "../../mqtt/bridge/config.ts";
import { problemOf } from "../api.ts";
import type { Config } from "../config.ts";
import { messageOf } from "../errors.ts";
import { httpRequest } from "../http.ts";
import { listenProblem } from "../listen_problem.ts";
import type { Parts } from "../parts.ts";
import type { RunState } from "../run_file.ts";
import { formatAddress } from "../setting.ts";
import { formatDuration, formatSize } from "../units.ts";
import { type ClockSync, syncInWords } from "./clock_sync.ts";
import type { Finding } from "./finding.ts";

/** With less free than this the recording stops soon, and the system may misbehave. */
const LOW_DISK_BYTES = 1_000_000_000;

/** A clock before the first release of this program is not set. */
const EARLIEST_CLOCK_MS = Date.UTC(2025, 0, 1);

/** Samples of other machines line up within this, in milliseconds, for people reading charts. */
const CLOCK_TOLERANCE_MS = 1_000;

/** Whether the data folder can be written. */
export async function checkData({ data }: Config): Promise<Finding> {
  const folder = resolve(data);
  const probe = join(folder, `.probe-${process.pid}`);
  try {
    if (!await exists(folder)) {
      await access(await nearest(folder), constants.W_OK);
      return { check: "data", status: "ok", message: `${folder} will be made at the first start` };
    }
    await writeFile(probe, "");
    await rm(probe);
    return { check: "data", status: "ok", message: `${folder} can be written` };
  } catch (error) {
    return {
      check: "data",
      status: "fail",
      message: `${folder} cannot be written: ${messageOf(error)}`,
      advice: "give --data a folder that this user owns, or change the owner of this one",
    };
  }
}

/** Whether there is room for what may be recorded. */
export async function checkDisk({ data, retention }: Config): Promise<Finding> {
  try {
    const { bavail, bsize } = await statfs(await nearest(resolve(data)));
    const free = bavail * bsize;
    const message = `${formatSize(free)} free`;
    if (free < LOW_DISK_BYTES) {
      return {
        check: "disk",
        status: "fail",
        message: `${message}, too little to record`,
        advice: "make room, give --data another disk, or lower --retention-max-bytes",
      };
    }
    if (retention.maxBytes === null || retention.maxBytes > free) {
      const wanted = retention.maxBytes === null
        ? "without a limit"
        : `up to ${formatSize(retention.maxBytes)}`;
      return {
        check: "disk",
        status: "warn",
        message: `${message}, and the recording may grow ${wanted}`,
        advice: "set --retention-max-bytes below what is free, unless the recording exists already",
      };
    }
    return { check: "disk", status: "ok", message };
  } catch (error) {
    return { check: "disk", status: "warn", message: `free space is not known: ${messageOf(error)}` };
  }
}

/** Whether the address can be listened on; one that our own gateway holds is as it should be. */
export async function checkPort({ listen }: Config, run: RunState | undefined): Promise<Finding> {
  const address = formatAddress(listen);
  if (run && new URL(run.url).port === String(listen.port)) {
    return { check: "port", status: "ok", message: `${address} is held by the gateway that runs` };
  }
  const error = await tryToListen(listen);
  if (error === undefined) return { check: "port", status: "ok", message: `${address} is free` };
  const problem = listenProblem(listen, error) ??
    { message: `${address} cannot be listened on: ${messageOf(error)}` };
  return { check: "port", status: "fail", ...problem };
}

/** Listens for a moment; the error when that does not work. */
function tryToListen({ hostname, port }: Config["listen"]): Promise<Error | undefined> {
  return new Promise((settle) => {
    const server = createServer();
    server.once("error", settle);
    server.listen({ host: hostname, port, exclusive: true }, () => server.close(() => settle(undefined)));
  });
}

/** Whether the certificate can be used, and for how long. */
export async function checkTls({ tls, tlsCert, tlsKey }: Config, nowMs: number): Promise<Finding> {
  if (tlsCert !== undefined && tlsKey !== undefined) {
    try {
      const loaded = await loadTls({ kind: "files", certFile: tlsCert, keyFile: tlsKey }, nowMs);
      const [warning] = loaded.warnings;
      if (warning !== undefined) {
        const status = loaded.expiresAt <= nowMs ? "fail" : "warn";
        return { check: "tls", status, message: warning, advice: "renew the certificate" };
      }
      const left = formatDuration(loaded.expiresAt - nowMs);
      return { check: "tls", status: "ok", message: `${tlsCert} and its key fit, valid for another ${left}` };
    } catch (error) {
      return { check: "tls", status: "fail", message: messageOf(error) };
    }
  }
  if (tls === "auto") {
    return { check: "tls", status: "ok", message: "a self-signed certificate is kept in the data folder" };
  }
  return { check: "tls", status: "ok", message: "off" };
}

/** Whether this machine's clock is set, agrees with the gateway's where one answers, and follows a time server. */
export function checkClock(nowMs: number, gatewayMs: number | undefined, sync: ClockSync): Finding {
  if (nowMs < EARLIEST_CLOCK_MS) {
    return {
      check: "clock",
      status: "fail",
      message: `this machine's clock says ${new Date(nowMs).toISOString()}`,
      advice: "set it, e.g. with: timedatectl set-ntp true",
    };
  }
  const apart = gatewayMs === undefined ? 0 : Math.abs(nowMs - gatewayMs);
  // An HTTP date counts whole seconds (RFC 9110 section 5.6.7), so one second is no difference.
  if (apart > CLOCK_TOLERANCE_MS + 1_000) {
    return {
      check: "clock",
      status: "warn",
      message: `this machine and the gateway are ${formatDuration(apart)} apart`,
      advice: "let both follow a time server, e.g. with: timedatectl set-ntp true",
    };
  }
  const agrees = gatewayMs === undefined
    ? new Date(nowMs).toISOString()
    : "this machine and the gateway agree";
  const message = `${agrees}; ${syncInWords(sync)}`;
  if (sync.state !== "waiting") return { check: "clock", status: "ok", message };
  return {
    check: "clock",
    status: "warn",
    message,
    advice: "check that UDP port 123 is open, or name a server in timesyncd.conf",
  };
}

/** Whether the brokers of the MQTT bridges can be reached, one finding each. */
export async function checkBridges({ mqtt }: Config): Promise<Finding[]> {
  if (mqtt.bridges.length === 0) return [];
  const { probeBroker } = await import("../../mqtt/bridge/probe.ts");
  return await Promise.all(mqtt.bridges.map(async (bridge): Promise<Finding> => {
    const name = bridgeName(bridge);
    const problem = await probeBroker(bridge);
    return problem === undefined
      ? { check: "mqtt", status: "ok", message: `the broker of the bridge ${name} lets us in` }
      : {
        check: "mqtt",
        status: "fail",
        message: `the broker of the bridge ${name} cannot be used: ${problem}`,
      };
  }));
}

/** Whether the gateway that runs is well; its clock comes along. */
export async function checkGateway(
  run: RunState,
): Promise<{ finding: Finding; gatewayMs: number | undefined }> {
  try {
    const response = await httpRequest(`${run.url}/readyz`, {
      timeoutMs: 5_000,
      ...(run.certificate === undefined ? {} : { certificate: run.certificate }),
    });
    const text = await response.text();
    const date = Date.parse(response.headers.get("date") ?? "");
    const gatewayMs = Number.isNaN(date) ? undefined : date;
    if (response.ok) {
      const message = `runs on ${run.url} as process ${run.pid} since ${run.startedAt}`;
      return { finding: { check: "gateway", status: "ok", message }, gatewayMs };
    }
    const message = `runs on ${run.url} and is not ready: ${problemOf(response.status, text)}`;
    return { finding: { check: "gateway", status: "fail", message, advice: "see its log" }, gatewayMs };
  } catch (error) {
    const message = `${run.url} does not answer: ${messageOf(error)}`;
    return {
      finding: { check: "gateway", status: "fail", message, advice: "see its log" },
      gatewayMs: undefined,
    };
  }
}

/** Whether the database of a gateway that does not run can be opened. */
export async function checkDatabase({ data }: Config, parts: Pick<Parts, "openLocalApi">): Promise<Finding> {
  if (!await exists(resolve(data))) {
    return { check: "database", status: "ok", message: "none yet; the first start makes it" };
  }
  try {
    const api = await parts.openLocalApi(data);
    try {
      const response = await api.request("/v1/sessions?limit=1");
      await response.body?.cancel();
      if (!response.ok) throw new Error(`reading it failed with status ${response.status}`);
    } finally {
      await api.close();
    }
    return { check: "database", status: "ok", message: "opens and can be read" };
  } catch (error) {
    const message = messageOf(error);
    // A full disk is no fault of the file's: the message says what to do.
    if (/the disk is full/.test(message)) return { check: "database", status: "fail", message };
    const advice = "restore the data folder from a backup, or move it away and start with a new one";
    return { check: "database", status: "fail", message, advice };
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false);
}

/** The folder itself, or the nearest one above it that exists. */
async function nearest(folder: string): Promise<string> {
  for (let at = folder;; at = dirname(at)) {
    if (await exists(at) || dirname(at) === at) return at;
  }
}

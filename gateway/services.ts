/**
 * What the HTTP routes get of the gateway.
 *
 * @module
 */
import { VERSION } from "../cli/version.ts";
import type { StoreStatus } from "../db/store.ts";
import type { Page, RtcSignalling, Services } from "../routes/services.ts";
import type { RtcView } from "../rtc/explain.ts";
import type { Core, Fault } from "./core.ts";
import { metrics } from "./metrics.ts";
import { publishOverHttp } from "./publish.ts";
import type { Mqtt } from "./mqtt.ts";
import type { Sessions } from "./sessions.ts";

/** Free space below which the recording is in danger, in bytes. */
const LOW_DISK_BYTES = 64 * 1024 * 1024;

/** Parts that only a listening gateway has. */
export interface ServiceParts {
  sessions?: Sessions;
  mqtt?: Mqtt;
  page?: Page;
  /** Settings of WebRTC; null switches it off. */
  rtc: RtcView | null;
  secure: boolean;
  /** Last known state of the database. */
  status(): StoreStatus | undefined;
  fault: Fault;
}

/** Puts the services together. */
export function buildServices(core: Core, parts: ServiceParts): Services {
  const { store, hub, downlink, access, directory } = core;
  return {
    version: VERSION,
    gateway: store.boot.gateway,
    epoch: store.boot.epoch,
    startedAtMs: Date.now(),
    access,
    store,
    topics: hub,
    writer: downlink,
    publish: (principal, topic, payload, encoding) =>
      publishOverHttp(core, principal, topic, payload, encoding),
    connected: () => directory.all(),
    ways: () => [...(parts.sessions?.ways() ?? []), ...(parts.mqtt?.ways() ?? [])],
    rtc: parts.rtc,
    metrics: () => metrics(core, { sessions: parts.sessions, mqtt: parts.mqtt, status: parts.status() }),
    notReady: () => [...notReady(parts.status()), ...(parts.mqtt?.problems() ?? [])],
    ...rtcSignalling(parts.sessions),
    secure: parts.secure,
    ...(parts.page === undefined ? {} : { page: parts.page }),
    fault: parts.fault,
  };
}

function rtcSignalling(sessions: Sessions | undefined): Pick<Services, "rtcSignalling"> {
  if (!sessions?.rtc) return {};
  const accept: RtcSignalling["accept"] = (endpoint, principal) =>
    endpoint === "device" || !principal
      ? sessions.device(principal, "protocol")
      : sessions.dashboard(principal);
  return { rtcSignalling: { sessions: sessions.rtc, accept } };
}

function notReady(status: StoreStatus | undefined): string[] {
  if (!status) return ["the database has not answered yet"];
  const problems: string[] = [];
  if (status.error !== null) problems.push(`the recording has stopped: ${status.error}`);
  if (status.freeBytes < LOW_DISK_BYTES) {
    problems.push(
      `only ${Math.round(status.freeBytes / 1_048_576)} MiB are free on the disk of the data folder`,
    );
  }
  return problems;
}

/**
 * Everything that sessions share, and the way in for each kind.
 *
 * @module
 */
import type { AnnouncedLimits } from "../protocol/control.ts";
import { CLOSE } from "../protocol/close_codes.ts";
import {
  HELLO_TIMEOUT_MS,
  MAX_CHANNELS,
  MAX_CONTROL_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_PATTERNS,
  MAX_PAYLOAD_BYTES,
  MAX_SUBSCRIPTIONS,
  MAX_UNACKED_BYTES,
  PING_INTERVAL_MS,
} from "../protocol/limits.ts";
import type { DashboardContext, ResumableDashboard } from "../dashboards/context.ts";
import { DashboardDirectory } from "../dashboards/directory.ts";
import { DashboardSession } from "../dashboards/session.ts";
import type { DeviceContext, ResumableDevice } from "../devices/context.ts";
import { RawSession } from "../devices/raw_session.ts";
import { DeviceSession } from "../devices/session.ts";
import type { Principal } from "../hub/access.ts";
import type { EndableSession } from "../hub/session_log.ts";
import { FeedRegistry } from "../hub/feed.ts";
import { FlushScheduler } from "../hub/flush.ts";
import { Resumption } from "../hub/resumption.ts";
import { HttpSignalling } from "../rtc/http_signalling.ts";
import { loadWebRtc } from "../rtc/library.ts";
import { Lanes } from "../rtc/lanes.ts";
import { Population } from "../rtc/population.ts";
import type { RtcSettings } from "../rtc/settings.ts";
import type { DeviceMode } from "../routes/sockets.ts";
import { DEFAULT_MAX_BUFFERED_BYTES } from "../runtime/runtime.ts";
import type { SessionContext } from "../sessions/context.ts";
import { letGo, type Parked } from "../sessions/lasting.ts";
import type { TransportLimits } from "../transport/guarded.ts";
import type { LaneSession } from "../transport/lane.ts";
import { Liveness } from "../transport/liveness.ts";
import type { SessionWay } from "../transport/way.ts";
import type { Accept, BroadcastGroup } from "../transport/transport.ts";
import type { Core, Fault } from "./core.ts";
import { enrolmentDesk } from "./enrolment.ts";
import { waysOf } from "./ways.ts";

/** Settings of sessions, times in milliseconds. */
export interface SessionSettings {
  idleTimeoutMs: number;
  resumeWithinMs: number;
  flushMs: number;
  /** Whether a flush that is due leaves with the next message; see {@link FlushScheduler}. */
  flushWithMessages: boolean;
}

/** What the sessions are made of beside the core. */
export interface SessionsParts {
  settings: SessionSettings;
  newGroup: () => BroadcastGroup;
  /** Settings of the WebRTC transport; null switches it off. */
  rtc: RtcSettings | null;
  fault: Fault;
}

/** The sessions of a gateway. */
export class Sessions {
  readonly feeds: FeedRegistry;
  readonly dashboards = new DashboardDirectory();
  /** Sessions over WebRTC alone; absent where WebRTC is switched off. */
  readonly rtc: HttpSignalling | undefined;
  readonly #core: Core;
  readonly #liveness: Liveness;
  readonly #open = new Set<EndableSession>();
  readonly #population: Population | undefined;
  readonly #device: DeviceContext;
  readonly #dashboard: DashboardContext;

  constructor(core: Core, parts: SessionsParts) {
    const { settings, fault } = parts;
    const { hub, clock, counters, store, access } = core;
    this.#core = core;
    const pingIntervalMs = Math.min(PING_INTERVAL_MS, settings.idleTimeoutMs / 3);
    this.#liveness = new Liveness({ pingIntervalMs, idleTimeoutMs: settings.idleTimeoutMs });
    const scheduler = new FlushScheduler({
      maxIntervalMs: settings.flushMs,
      withMessages: settings.flushWithMessages,
      fault: (error) => fault("flush", error),
    });
    this.feeds = new FeedRegistry(hub, scheduler, parts.newGroup);
    const population = parts.rtc ? new Population(parts.rtc) : undefined;
    this.#population = population;
    const rtc = parts.rtc && population ? { settings: parts.rtc, counters, population } : undefined;
    const lanes = rtc && new Lanes(rtc);
    this.rtc = rtc && new HttpSignalling({ ...rtc, limits: transportLimits(fault) });
    const common: SessionContext = {
      ...(lanes === undefined ? {} : {
        lanes: (session: LaneSession) => lanes.negotiate(session),
        iceServers: (peer: string) => lanes.iceServers(peer),
      }),
      hub,
      clock,
      counters,
      fault,
      open: this.#open,
      sessionLog: store.sessionLog,
      authorizer: access.tokens,
      liveness: this.#liveness,
      limits: announcedLimits(settings, pingIntervalMs),
      helloTimeoutMs: HELLO_TIMEOUT_MS,
      gateway: store.boot.gateway,
    };
    this.#device = {
      ...common,
      recorder: store.recorder,
      resumption: new Resumption<Parked<ResumableDevice>>(settings.resumeWithinMs),
      directory: core.directory,
      downlink: core.downlink,
      flushes: scheduler,
      enrolment: enrolmentDesk(access.enrolments, access.tokens),
    };
    this.#dashboard = {
      ...common,
      feeds: this.feeds,
      reader: store.reader,
      resumption: new Resumption<Parked<ResumableDashboard>>(settings.resumeWithinMs),
      directory: this.dashboards,
      writer: core.downlink,
    };
    this.#liveness.start();
  }

  /** Loads what only some sessions need. */
  readonly load = async (): Promise<void> => {
    if (this.rtc) await loadWebRtc();
  };

  /** How a device comes in. */
  device(principal: Principal | undefined, mode: DeviceMode): Accept {
    return (transport) => {
      if (principal?.device !== undefined) this.#core.access.devices.seen(principal.device);
      return mode === "raw" && principal
        ? new RawSession(this.#device, transport, principal)
        : new DeviceSession(this.#device, transport, principal).connection;
    };
  }

  /** How a dashboard comes in. */
  dashboard(principal: Principal): Accept {
    return (transport) => new DashboardSession(this.#dashboard, transport, principal).connection;
  }

  /** How each open session is connected. */
  ways(): Iterable<SessionWay> {
    return waysOf(this.#open);
  }

  /** Says bye to everybody and closes the records of those who might have come back. */
  stop(): void {
    for (const session of [...this.#open]) session.end(CLOSE.goingAway, "the gateway is shutting down");
    this.#device.resumption.release(letGo);
    this.#dashboard.resumption.release(letGo);
    this.#population?.stop();
    this.#liveness.stop();
  }
}

/** What holds for data channels as for WebSockets. */
function transportLimits(fault: Fault): TransportLimits {
  return {
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxBufferedBytes: DEFAULT_MAX_BUFFERED_BYTES,
    onFault: (error, where) => fault(`data channel ${where}`, error),
  };
}

function announcedLimits(settings: SessionSettings, pingIntervalMs: number): AnnouncedLimits {
  return {
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    maxControlBytes: MAX_CONTROL_BYTES,
    maxChannels: MAX_CHANNELS,
    maxSubscriptions: MAX_SUBSCRIPTIONS,
    maxPatterns: MAX_PATTERNS,
    maxUnackedBytes: MAX_UNACKED_BYTES,
    resumeWithinMs: settings.resumeWithinMs,
    idleTimeoutMs: settings.idleTimeoutMs,
    pingIntervalMs: Math.max(1, Math.floor(pingIntervalMs)),
  };
}

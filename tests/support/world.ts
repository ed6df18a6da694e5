/**
 * A gateway's sessions in memory: hub, recording, devices and dashboards, with time and commits in the test's hands.
 *
 * @module
 */
import { DashboardDirectory } from "../../dashboards/directory.ts";
import type { DashboardContext } from "../../dashboards/context.ts";
import { DashboardSession } from "../../dashboards/session.ts";
import type { DeviceContext } from "../../devices/context.ts";
import { DeviceDirectory } from "../../devices/directory.ts";
import { Downlink } from "../../devices/downlink.ts";
import { RawSession } from "../../devices/raw_session.ts";
import { DeviceSession } from "../../devices/session.ts";
import type { Principal } from "../../hub/access.ts";
import { Counters } from "../../hub/counters.ts";
import { FeedRegistry } from "../../hub/feed.ts";
import { FlushScheduler, type FlushTimers } from "../../hub/flush.ts";
import { Hub } from "../../hub/hub.ts";
import { Resumption } from "../../hub/resumption.ts";
import type { SessionLog, SessionRecord, SessionStart, SessionTotals } from "../../hub/session_log.ts";
import { Liveness } from "../../transport/liveness.ts";
import { MemoryRecording } from "./memory_recording.ts";
import { PlayedGroup, PlayedPeer } from "./played_peer.ts";
import { TimerQueue } from "./timer_queue.ts";
import { LIMITS } from "./welcome.ts";

/** A session as the log saw it. */
export interface LoggedSession extends SessionStart {
  id: string;
  events: { kind: string; detail: Record<string, unknown> }[];
  endReason?: string;
  totals?: SessionTotals;
}

/** A session log that keeps everything. */
export class MemorySessionLog implements SessionLog {
  readonly sessions: LoggedSession[] = [];

  open(start: SessionStart): SessionRecord {
    const number = this.sessions.length + 1;
    const logged: LoggedSession = { ...start, id: `session-${number}`, events: [] };
    this.sessions.push(logged);
    return {
      id: logged.id,
      number,
      event: (kind, detail = {}) => void logged.events.push({ kind, detail }),
      describe: (change) => void Object.assign(logged, change),
      totals: (totals) => void (logged.totals = totals),
      close(reason, totals) {
        if (logged.endReason !== undefined) throw new Error(`${logged.id} is closed twice`);
        logged.endReason = reason;
        logged.totals = totals;
      },
    };
  }
}

/** Timers that the test steps. */
export class SteppedTimers implements FlushTimers {
  ms = 0;
  readonly #queue = new TimerQueue();

  nowMs(): number {
    return this.ms;
  }

  endOfTurn(task: () => void): void {
    this.#queue.add(this.ms, task);
  }

  later(task: () => void, ms: number): () => void {
    return this.#queue.add(this.ms + ms, task);
  }

  /** Lets `ms` milliseconds pass. */
  advance(ms: number): void {
    const until = this.ms + ms;
    for (let due = this.#queue.take(until); due; due = this.#queue.take(until)) {
      this.ms = Math.max(this.ms, due.at);
      due.task();
    }
    this.ms = until;
  }
}

/** Everything that sessions need, in memory. Dispose of it at the end of the test. */
export class World {
  readonly timers = new SteppedTimers();
  readonly recording = new MemoryRecording();
  readonly log = new MemorySessionLog();
  readonly counters = new Counters();
  readonly faults: { where: string; error: unknown }[] = [];
  /** The gateway's clock in microseconds; moves with the timers. */
  readonly clock = { nowUs: () => 1_700_000_000_000_000 + this.timers.ms * 1_000 };
  readonly hub = new Hub({
    epoch: "gw.1",
    recorder: this.recording,
    counters: this.counters,
    nowMs: () => this.timers.ms,
  });
  readonly scheduler = new FlushScheduler({ maxIntervalMs: 5, timers: this.timers });
  readonly feeds = new FeedRegistry(this.hub, this.scheduler, () => new PlayedGroup());
  readonly liveness = new Liveness({
    pingIntervalMs: 10_000,
    idleTimeoutMs: 30_000,
    nowMs: () => this.timers.ms,
  });
  readonly devices: DeviceContext;
  readonly dashboards: DashboardContext;
  readonly #revocations = new Map<string, Set<() => void>>();
  readonly #open: DeviceContext["open"] = new Set();

  constructor() {
    this.recording.onCommitted((sample, producer, sequence) =>
      this.hub.committed(sample, producer, sequence)
    );
    const { hub, clock, counters, recording, log, liveness } = this;
    const common = {
      hub,
      clock,
      counters,
      liveness,
      recorder: recording,
      sessionLog: log,
      limits: LIMITS,
      helloTimeoutMs: 10_000,
      gateway: "gw",
      open: this.#open,
      authorizer: {
        authenticate: () => undefined,
        onRevoked: (id: string, ended: () => void) => this.#onRevoked(id, ended),
      },
      fault: (where: string, error: unknown) => void this.faults.push({ where, error }),
    };
    const directory = new DeviceDirectory({ hub, clock });
    const downlink = new Downlink({ hub, clock, keep: () => {} });
    this.devices = {
      ...common,
      directory,
      downlink,
      flushes: this.scheduler,
      resumption: new Resumption(60_000),
    };
    this.dashboards = {
      ...common,
      feeds: this.feeds,
      reader: recording,
      resumption: new Resumption(60_000),
      directory: new DashboardDirectory(),
      writer: downlink,
    };
  }

  /** A device on a new connection, without hello. */
  device(name: string): PlayedPeer {
    const transport = new PlayedPeer();
    transport.handlers = new DeviceSession(this.devices, transport, devicePrincipal(name)).connection;
    return transport;
  }

  /** A raw device on a new connection. */
  raw(name: string): PlayedPeer {
    const transport = new PlayedPeer();
    transport.handlers = new RawSession(this.devices, transport, devicePrincipal(name));
    return transport;
  }

  /** A dashboard on a new connection, without hello. */
  dashboard(read: string[] = ["#"], write: string[] = [], tokenId = "dash"): PlayedPeer {
    const transport = new PlayedPeer();
    const principal: Principal = { role: "dashboard", tokenId, label: tokenId, read, write };
    transport.handlers = new DashboardSession(this.dashboards, transport, principal).connection;
    return transport;
  }

  /** A device that has said hello and advertised `channels`. */
  openDevice(name: string, channels: object[], hello: object = {}): PlayedPeer {
    const device = this.device(name);
    device.say({ type: "hello", protocol: 1, ...hello });
    device.say({ type: "advertise", channels });
    return device;
  }

  /** A dashboard that has said hello and subscribed under id 1. */
  openDashboard(patterns: string[], subscribe: object = {}): PlayedPeer {
    const dashboard = this.dashboard();
    dashboard.say({ type: "hello", protocol: 1 });
    dashboard.say({ type: "subscribe", id: 1, patterns, ...subscribe });
    return dashboard;
  }

  /** Sweeps the dashboards' backlogs once. */
  sweep(): void {
    this.dashboards.directory.sweep(this.timers.ms);
  }

  /** Revokes a token. */
  revoke(tokenId: string): void {
    for (const ended of this.#revocations.get(tokenId) ?? []) ended();
  }

  [Symbol.dispose](): void {
    for (const session of [...this.#open]) {
      session.end({ code: 1001, name: "going_away", reconnect: true, meaning: "" }, "");
    }
    this.devices.resumption.release(() => {});
    this.dashboards.resumption.release(() => {});
    if (this.faults.length > 0) throw this.faults[0]!.error;
  }

  #onRevoked(id: string, ended: () => void): () => void {
    const set = this.#revocations.get(id) ?? new Set();
    this.#revocations.set(id, set.add(ended));
    return () => void set.delete(ended);
  }
}

function devicePrincipal(name: string): Principal {
  const patterns = [`${name}/#`];
  return {
    role: "device",
    tokenId: `token-${name}`,
    label: name,
    device: name,
    read: patterns,
    write: patterns,
  };
}

/** Lets promises that are due settle. */
export async function settle(turns = 50): Promise<void> {
  for (let i = 0; i < turns; i++) await Promise.resolve();
}

/**
 * The application over a real access part and fakes of everything else.
 *
 * @module
 */
import { testAccess } from "../access/support.ts";
import type { SeriesRequest, SessionFilter, SessionRow } from "../../db/store.ts";
import type { Principal } from "../../hub/access.ts";
import { Topic, type TopicDescription } from "../../hub/topic.ts";
import { WriteRefused, type WriteResult } from "../../hub/writing.ts";
import { buildApp } from "../../routes/app.ts";
import { CALLER, LOCAL_OPERATOR, type RequestEnv } from "../../routes/caller.ts";
import type { MetricValue, Services } from "../../routes/services.ts";

/** What the fakes saw, and what they are to answer. */
export interface Seen {
  writes: { principal: Principal; topic: string; payload: Uint8Array; timeoutMs: number | undefined }[];
  publishes: { topic: string; payload: Uint8Array; encoding: string }[];
  series: SeriesRequest[];
  filters: SessionFilter[];
  faults: { where: string; error: unknown }[];
  writeResult: WriteResult;
  writeError: Error | undefined;
  notReady: string[];
  metrics: MetricValue[];
}

/** A session on record. */
function sessionRow(number: number, more: Partial<SessionRow> = {}): SessionRow {
  return {
    id: `s-${number}`,
    number,
    epoch: "gw.1",
    role: "device",
    device: "pump",
    tokenId: "t",
    label: "pump",
    remote: "10.0.0.1:1",
    transport: "websocket",
    client: null,
    startedAt: 1_700_000_000_000 + number,
    lastSeenAt: 1_700_000_001_000 + number,
    endedAt: null,
    endReason: null,
    framesIn: 1,
    framesOut: 2,
    bytesIn: 3,
    bytesOut: 4,
    samplesIn: 5,
    samplesOut: 6,
    drops: { rate: 7 },
    roundTripUs: null,
    ...more,
  };
}

/** A topic, with a newest value where a payload is given. */
export function topic(
  id: number,
  description: Partial<TopicDescription> & { name: string },
  payload?: Uint8Array,
) {
  const made = new Topic(
    id,
    { deliveryClass: "state", encoding: "f64", writable: false, ...description },
    "gw.1",
  );
  if (payload) {
    const sample = { topic: made, offset: 9, timeUs: 1_700_000_000_000_000, session: 1, bytes: payload };
    made.remember({ ...sample, start: 0, end: payload.length });
  }
  return made;
}

/** The bytes of one number. */
export function f64(value: number): Uint8Array {
  return new Uint8Array(new Float64Array([value]).buffer);
}

/** Everything a test of the routes needs. */
export function testApp(more: Partial<Services> = {}) {
  const access = testAccess({ allowedOrigins: ["https://ops.example.org"] });
  const seen: Seen = {
    writes: [],
    publishes: [],
    series: [],
    filters: [],
    faults: [],
    writeResult: { status: "accepted" },
    writeError: undefined,
    notReady: [],
    metrics: [],
  };
  const topics = new Map(
    [
      topic(1, { name: "pump/temperature", unit: "°C" }, f64(21.5)),
      topic(2, {
        name: "pump/speed",
        encoding: "struct",
        fields: [{ name: "rpm", type: "u16" }],
        writable: true,
      }),
      topic(3, { name: "pump/log/last", encoding: "utf8", deliveryClass: "event" }),
      topic(4, { name: "fan/blob", encoding: "raw" }, new Uint8Array([1, 2, 255])),
    ].map((entry) => [entry.name, entry]),
  );
  const sessions = [1, 2, 3, 4, 5].map((number) => sessionRow(number));
  const services: Services = {
    version: "1.2.3",
    gateway: "gw",
    epoch: "gw.1",
    startedAtMs: access.clock.ms - 5_000,
    access,
    topics: { topics: () => topics.values(), topic: (name) => topics.get(name) },
    store: {
      sessions(filter) {
        seen.filters.push(filter);
        const rows = sessions.filter(({ number }) => number < (filter.before ?? Infinity)).reverse();
        return Promise.resolve(rows.slice(0, filter.limit));
      },
      session: (id) => Promise.resolve(sessions.find((row) => row.id === id)),
      sessionEvents: () =>
        Promise.resolve([{ at: access.clock.ms, kind: "moved", detail: { to: "webrtc" } }]),
      sessionTopics: () =>
        Promise.resolve([{ topic: "pump/temperature", samples: 2, firstUs: 10, lastUs: 20 }]),
      series(request) {
        seen.series.push(request);
        const { description } = topics.get(request.topic)!;
        const raw = description.encoding === "raw";
        const points = [1, 2].map((offset) => ({
          epoch: "gw.1",
          offset,
          timeUs: 1_700_000_000_000_000 + offset,
          ...(raw ? {} : { value: offset === 2 ? Number.NaN : 1.5 }),
          payload: raw ? new Uint8Array([offset]) : f64(1.5),
        }));
        return Promise.resolve({ topic: request.topic, description, total: 2, truncated: false, points });
      },
      status: () =>
        Promise.resolve({
          bytes: 1,
          freeBytes: 0,
          chunks: 1,
          samples: 2,
          oldestUs: null,
          removedSamples: 0,
          queuedBytes: 0,
          drops: {},
          error: null,
          tidyingRefused: 0,
          tidyingError: null,
        }),
    },
    writer: {
      write(principal, topic, payload, timeoutMs) {
        seen.writes.push({ principal, topic, payload, timeoutMs });
        return seen.writeError ? Promise.reject(seen.writeError) : Promise.resolve(seen.writeResult);
      },
    },
    publish(principal, topic, payload, encoding) {
      if (principal.device === undefined) throw new WriteRefused("forbidden", "not a device");
      seen.publishes.push({ topic, payload, encoding });
      return { offset: 7, timeUs: 1_700_000_000_000_000 };
    },
    ways: () => [],
    rtc: null,
    connected: () => [{ device: "pump", sessionId: "s-5", transportKind: "websocket", remote: "10.0.0.1:1" }],
    metrics: () => seen.metrics,
    notReady: () => seen.notReady,
    secure: false,
    fault: (where, error) => seen.faults.push({ where, error }),
    now: access.clock.now,
    ...more,
  };
  const app = buildApp(services);
  const remote = "10.0.0.9:1234";
  return {
    app,
    access,
    seen,
    services,
    /** As it comes over the network, to host gw.local. */
    async request(path: string, init: RequestInit & { env?: RequestEnv } = {}): Promise<Response> {
      const { env, ...rest } = init;
      const headers = new Headers(rest.headers);
      headers.set("host", "gw.local");
      return await app.request(`http://gw.local${path}`, { ...rest, headers }, { remote, ...env });
    },
    /** As the operator on this machine. */
    async operator(path: string, init: RequestInit = {}): Promise<Response> {
      return await app.request(`http://gw.local${path}`, init, { remote, [CALLER]: LOCAL_OPERATOR });
    },
    /** A header that authenticates with a new token. */
    bearer(request: Parameters<typeof access.tokens.ephemeral>[0]): { authorization: string } {
      return { authorization: `Bearer ${access.tokens.ephemeral(request).token}` };
    },
  };
}

/** A JSON body. */
export function json(value: unknown, method = "POST"): RequestInit {
  return { method, body: JSON.stringify(value), headers: { "content-type": "application/json" } };
}

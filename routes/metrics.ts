/**
 * /metrics, in Prometheus' text form.
 *
 * @module
 */
import process from "node:process";
import { z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { AppEnv, Endpoints } from "./endpoint.ts";
import type { MetricValue, Services } from "./services.ts";

/** Upper bounds of the buckets for the time an answer takes, in seconds: from cached pages to long queries. */
const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];

/** Measures of the HTTP routes themselves. */
export class HttpMetrics {
  readonly registry = new Registry();
  readonly #requests = new Counter({
    name: "tidegate_http_requests_total",
    help: "HTTP requests answered, by route, method and status.",
    labelNames: ["route", "method", "status"],
    registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: "tidegate_http_request_seconds",
    help: "Time from a request to its answer's headers, by route.",
    labelNames: ["route"],
    buckets: SECONDS,
    registers: [this.registry],
  });

  /** Counts every request. Labels come from the routes there are, so that callers cannot make new ones. */
  readonly middleware: MiddlewareHandler<AppEnv> = async (c, next) => {
    const start = performance.now();
    await next();
    const route = c.get("route") ?? "other";
    const method = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"].includes(c.req.method)
      ? c.req.method
      : "other";
    this.#requests.inc({ route, method, status: c.res.status });
    this.#seconds.observe({ route }, (performance.now() - start) / 1000);
  };
}

/** A registry that holds these values, made for one scrape. */
function registryOf(values: Iterable<MetricValue>): Registry {
  const registry = new Registry();
  const known = new Map<string, Counter | Gauge>();
  for (const { name, help, type, labels = {}, value } of values) {
    let metric = known.get(name);
    if (!metric) {
      const options = { name, help, labelNames: Object.keys(labels), registers: [registry] };
      metric = type === "counter" ? new Counter(options) : new Gauge(options);
      known.set(name, metric);
    }
    metric.inc(labels, value);
  }
  return registry;
}

function* ownValues(services: Services): Generator<MetricValue> {
  const { version, gateway, access } = services;
  yield {
    name: "tidegate_info",
    help: "This program.",
    type: "gauge",
    labels: { version, gateway },
    value: 1,
  };
  yield {
    name: "tidegate_start_time_seconds",
    help: "When this run began, in seconds since 1970.",
    type: "gauge",
    value: services.startedAtMs / 1000,
  };
  yield {
    name: "tidegate_resident_memory_bytes",
    help: "Memory of the process.",
    type: "gauge",
    value: process.memoryUsage().rss,
  };
  for (const [reason, value] of Object.entries(access.gate.refused)) {
    yield {
      name: "tidegate_refused_total",
      help: "Requests and handshakes that were not let in, by reason.",
      type: "counter",
      labels: { reason },
      value,
    };
  }
}

/** Adds `/metrics`. */
export function metricsRoutes(endpoints: Endpoints, services: Services, http: HttpMetrics): void {
  endpoints.add({
    method: "get",
    path: "/metrics",
    audience: ["dashboard", "operator"],
    tag: "Health",
    summary: "Counters and gauges for Prometheus",
    otherResponses: { [Registry.PROMETHEUS_CONTENT_TYPE]: { schema: z.string() } },
  }, async () => {
    const parts = [http.registry, registryOf(ownValues(services)), registryOf(services.metrics())];
    const texts = await Promise.all(parts.map((part) => part.metrics()));
    return new Response(texts.map((text) => text.trim()).filter((text) => text !== "").join("\n\n") + "\n", {
      headers: { "content-type": Registry.PROMETHEUS_CONTENT_TYPE },
    });
  });
}

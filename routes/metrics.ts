/**
 * /metrics, in Prometheus' text form.
 *
 * @module
 */
import process from "node:process";
import { z } from "@hono/zod-openapi";
import type { Endpoints } from "./endpoint.ts";
import { exposition, EXPOSITION_TYPE, type ExpositionSample, type MetricFamily } from "./exposition.ts";
import type { HttpMetrics } from "./http_metrics.ts";
import type { MetricValue, Services } from "./services.ts";

/** The values with those of one name together, as the format demands, whatever order they come in. */
function familiesOf(values: Iterable<MetricValue>): MetricFamily[] {
  const families = new Map<string, MetricFamily & { samples: ExpositionSample[] }>();
  for (const { name, help, type, labels = {}, value } of values) {
    let family = families.get(name);
    if (!family) families.set(name, family = { name, help, type, samples: [] });
    family.samples.push({ labels, value });
  }
  return [...families.values()];
}

function* allValues(services: Services): Generator<MetricValue> {
  const { version, gateway } = services;
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
  yield* services.metrics();
}

/** Adds `/metrics`. */
export function metricsRoutes(endpoints: Endpoints, services: Services, http: HttpMetrics): void {
  endpoints.add({
    method: "get",
    path: "/metrics",
    audience: ["dashboard", "operator"],
    tag: "Health",
    summary: "Counters and gauges for Prometheus",
    otherResponses: { "text/plain": { schema: z.string() } },
  }, () => {
    const families = [...familiesOf(allValues(services)), ...http.families()];
    return new Response(exposition(families), { headers: { "content-type": EXPOSITION_TYPE } });
  });
}

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { exposition } from "../../routes/exposition.ts";
import { HttpMetrics } from "../../routes/http_metrics.ts";
import { testApp } from "./support.ts";

const LINE =
  /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\[\\n"])*",?)*\})? (NaN|[+-]Inf|-?[0-9.e+-]+)$/;

Deno.test("metrics need a token and show every part's values, those of one name together", async () => {
  const t = testApp();
  const drop = (reason: string, value: number) => ({
    name: "tidegate_drops_total",
    help: "Samples dropped.",
    type: "counter" as const,
    labels: { reason },
    value,
  });
  t.seen.metrics.push(drop("rate", 3), { name: "tidegate_topics", help: "Topics.", type: "gauge", value: 4 });
  t.seen.metrics.push(drop("stale", 5));
  await t.request("/v1/devices");
  const response = await t.request("/metrics", { headers: t.bearer({ role: "dashboard" }) });
  assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  assertStringIncludes(
    text,
    "# HELP tidegate_drops_total Samples dropped.\n# TYPE tidegate_drops_total counter\n" +
      'tidegate_drops_total{reason="rate"} 3\ntidegate_drops_total{reason="stale"} 5\n',
  );
  assertStringIncludes(text, "# TYPE tidegate_topics gauge\ntidegate_topics 4\n");
  assertStringIncludes(
    text,
    'tidegate_http_requests_total{route="/v1/devices",method="GET",status="401"} 1\n',
  );
  const lines = text.trimEnd().split("\n");
  for (const line of lines) if (!line.startsWith("# ")) assertMatch(line, LINE);
  const series = lines.map((line) => line.startsWith("# ") ? line : line.slice(0, line.lastIndexOf(" ")));
  assertEquals(series.length, new Set(series).size, "nothing is said twice");
});

Deno.test("callers cannot make new labels", async () => {
  const t = testApp();
  for (const path of ["/a", "/b", "/v1/topics/x/last", "/v1/topics/y/last"]) await t.operator(path);
  await t.operator("/healthz", { method: "PROPFIND" });
  const text = await (await t.operator("/metrics")).text();
  assertStringIncludes(text, 'route="other",method="GET",status="404"} 2\n');
  assertStringIncludes(text, 'route="/v1/topics/{topic}/last",method="GET",status="404"} 2\n');
  assertStringIncludes(text, 'route="/healthz",method="other",status="405"} 1\n');
});

Deno.test("a histogram's buckets add up", () => {
  const metrics = new HttpMetrics();
  for (const seconds of [0.0005, 0.001, 0.01, 3, 60]) metrics.count("/x", "GET", 200, seconds);
  const text = exposition(metrics.families());
  const counts = [...text.matchAll(/_bucket\{route="\/x",le="([^"]+)"\} (\d+)/g)].map((
    [, le, n],
  ) => [le, Number(n)]);
  assertEquals(counts, [
    ["0.001", 2],
    ["0.005", 2],
    ["0.02", 3],
    ["0.1", 3],
    ["0.5", 3],
    ["2", 3],
    ["10", 4],
    ["+Inf", 5],
  ]);
  assertStringIncludes(text, 'tidegate_http_request_seconds_count{route="/x"} 5\n');
});

Deno.test("any name, label and value make a line that Prometheus reads, and label texts survive", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(fc.property(text, text, text, text, fc.double(), (name, help, label, value, number) => {
    const family = {
      name,
      help,
      type: "gauge" as const,
      samples: [{ labels: { [`l${label}`]: value }, value: number }],
    };
    const lines = exposition([{ ...family, name: `m${name}` }]).split("\n");
    assertEquals(lines.length, 4);
    assertMatch(lines[2]!, LINE);
    const written = /="(.*)"\} /s.exec(lines[2]!)![1]!;
    const read = written.replaceAll(/\\(.)/g, (_, c: string) => c === "n" ? "\n" : c);
    assertEquals(read, value);
  }));
});

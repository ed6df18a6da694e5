import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { testApp } from "./support.ts";

const segment = fc.oneof(
  fc.constantFrom(
    "v1",
    "topics",
    "devices",
    "sessions",
    "tokens",
    "enrolments",
    "status",
    "login",
    "logout",
    "me",
    "last",
    "history",
    "events",
    "samples",
    "approve",
    "reject",
    "metrics",
    "healthz",
    "openapi.json",
    "docs",
    "pump",
    "temperature",
    "speed",
    "s-1",
    "..",
    "%2e%2e",
    "%2F",
    "%00",
    "%",
    "%E0%A4%A",
    "__proto__",
    "constructor",
    "+",
    "#",
  ),
  fc.string({ maxLength: 8 }).map(encodeURIComponentSafely),
);

const query = fc.array(
  fc.tuple(
    fc.constantFrom(
      "from",
      "to",
      "topic",
      "limit",
      "cursor",
      "maxPoints",
      "downsampling",
      "open",
      "__proto__",
      "x",
    ),
    fc.oneof(
      fc.constantFrom("-10m", "now", "1", "pump/temperature", "true", "lttb", "%00", ""),
      fc.string({ maxLength: 6 }),
    ),
  ),
  { maxLength: 3 },
).map((pairs) => pairs.map(([name, value]) => `${name}=${encodeURIComponentSafely(value)}`).join("&"));

const body = fc.oneof(
  fc.constant(undefined),
  fc.json().map((text) => new TextEncoder().encode(text)),
  fc.record({ name: fc.string(), role: fc.string(), token: fc.string(), device: fc.string() }, {
    requiredKeys: [],
  })
    .map((value) => new TextEncoder().encode(JSON.stringify(value))),
  fc.uint8Array({ maxLength: 64 }),
);

/** Lone surrogates have no UTF-8 form; a client could not send them. */
function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

const request = fc.record({
  path: fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join("/")}`),
  query,
  method: fc.constantFrom("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT"),
  type: fc.constantFrom(
    "application/json",
    "application/octet-stream",
    "text/plain",
    "Application/JSON; charset=x",
    "",
  ),
  accept: fc.constantFrom("*/*", "application/cbor", "application/cbor;q=x", ",;,"),
  body,
  operator: fc.boolean(),
});

Deno.test("no request makes the gateway fail, and every refusal is a problem document", async () => {
  const t = testApp();
  await fc.assert(
    fc.asyncProperty(request, async ({ path, query, method, type, accept, body, operator }) => {
      const withBody = method !== "GET" && method !== "HEAD" && body !== undefined;
      const response = await t[operator ? "operator" : "request"](query ? `${path}?${query}` : path, {
        method,
        headers: { accept, ...(type ? { "content-type": type } : {}) },
        ...(withBody ? { body: new Uint8Array(body) } : {}),
      });
      const text = await response.text();
      assertEquals(t.seen.faults, []);
      assert(response.status < 500, `${method} ${path}?${query} gives ${response.status}`);
      if (response.status < 400 || method === "HEAD") return;
      assertEquals(response.headers.get("content-type"), "application/problem+json");
      const document = JSON.parse(text);
      assertEquals(document.status, response.status);
      assert(typeof document.detail === "string" && document.detail !== "");
    }),
    { numRuns: 1_500 },
  );
});

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ATTEMPTS_BURST } from "../../access/attempts.ts";
import { MAX_JSON_BYTES } from "../../routes/body.ts";
import { MAX_PAYLOAD_BYTES } from "../../protocol/limits.ts";
import { json, testApp } from "./support.ts";

interface Operation {
  security: unknown[];
  description: string;
}

async function operations(t: ReturnType<typeof testApp>) {
  const document: { paths: Record<string, Record<string, Operation>> } =
    await (await t.request("/openapi.json")).json();
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path: path.replace("{topic}", "pump/speed").replaceAll(/\{\w+\}/g, "x"),
      open: operation.security.length === 0,
      roles: /Needs the role (.*)\./.exec(operation.description)?.[1]?.split(" or ") ?? [],
    }))
  );
}

async function problem(response: Response): Promise<{ status: number; type: string; detail: string }> {
  assertEquals(response.headers.get("content-type"), "application/problem+json");
  const document = await response.json();
  assertEquals(document.status, response.status);
  return document;
}

Deno.test("every route but the public ones refuses a request without a token", async () => {
  const t = testApp();
  const open: string[] = [];
  for (const { method, path, open: isOpen } of await operations(t)) {
    if (isOpen) {
      open.push(path);
      continue;
    }
    const response = await t.request(path, { method });
    assertEquals([path, response.status], [path, 401]);
    assertStringIncludes(response.headers.get("www-authenticate") ?? "", "Bearer");
  }
  assertEquals(open.sort(), ["/healthz", "/readyz", "/v1/login", "/v1/logout"]);
});

Deno.test("every route refuses the roles that it does not name, and revoked tokens of those it does", async () => {
  const t = testApp();
  const headers = {
    device: t.bearer({ role: "device", device: "pump" }),
    dashboard: t.bearer({ role: "dashboard" }),
  };
  const gone = t.access.tokens.ephemeral({ role: "operator" });
  await t.access.tokens.revoke(gone.info.id);
  for (const { method, path, open, roles } of await operations(t)) {
    if (open) continue;
    for (const role of ["device", "dashboard"] as const) {
      if (roles.includes(role)) continue;
      const response = await t.request(path, { method, headers: headers[role] });
      assertEquals([path, role, response.status], [path, role, 403]);
    }
    const response = await t.request(path, { method, headers: { authorization: `Bearer ${gone.token}` } });
    assert([401, 429].includes(response.status), path);
  }
});

Deno.test("a caller cannot be claimed from outside", async () => {
  const t = testApp();
  const claims = {
    caller: "operator",
    "x-caller": "operator",
    "x-forwarded-user": "operator",
    "x-tidegate-role": "operator",
  };
  assertEquals((await t.request("/v1/tokens", { headers: claims })).status, 401);
  assertEquals((await t.request("/v1/tokens?caller=operator")).status, 401);
  assertEquals((await t.operator("/v1/tokens")).status, 200);
});

Deno.test("the cookie works on pages of our own and for nobody else's changes", async () => {
  const t = testApp();
  const { token } = t.access.tokens.ephemeral({ role: "operator" });
  const login = await t.request("/v1/login", json({ token }));
  assertEquals(login.status, 200);
  assertEquals((await login.json()).role, "operator");
  const set = login.headers.get("set-cookie") ?? "";
  assertMatch(set, /^tidegate=tg_\w{10}_[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/);
  const cookie = set.split(";")[0]!;
  assertEquals((await t.request("/v1/devices", { headers: { cookie } })).status, 200);
  const add = (headers: Record<string, string>) =>
    t.request("/v1/devices", {
      ...json({ name: "a" }),
      headers: { "content-type": "application/json", cookie, ...headers },
    });
  for (const origin of ["http://gw.local:3000", "https://evil.org", "null"]) {
    assertEquals((await problem(await add({ origin }))).type, "/docs#problem-foreign-origin");
  }
  assertEquals((await add({})).status, 403);
  assertEquals(t.access.devices.list(), []);
  assertEquals((await add({ origin: "http://gw.local" })).status, 201);
});

Deno.test("logging in refuses foreign pages, device tokens, wrong tokens, and too many of them", async () => {
  const t = testApp();
  const { token } = t.access.tokens.ephemeral({ role: "operator" });
  const foreign = { "content-type": "application/json", origin: "https://evil.org" };
  assertEquals((await t.request("/v1/login", { ...json({ token }), headers: foreign })).status, 403);
  const form = { method: "POST", body: `{"token":"${token}"}`, headers: { "content-type": "text/plain" } };
  assertEquals((await t.request("/v1/login", form)).status, 415);
  const device = t.access.tokens.ephemeral({ role: "device", device: "pump" });
  const refused = await t.request("/v1/login", json({ token: device.token }));
  assertEquals([refused.status, refused.headers.get("set-cookie")], [403, null]);
  for (let i = 0; i < ATTEMPTS_BURST; i++) {
    assertEquals((await t.request("/v1/login", json({ token: "wrong" }))).status, 401);
  }
  const limited = await t.request("/v1/login", json({ token: "wrong" }));
  assertEquals([limited.status, limited.headers.get("retry-after")], [429, "6"]);
  assertEquals((await t.request("/v1/login", json({ token }))).status, 200);
});

Deno.test("under TLS the cookie is Secure, and logging out makes the browser forget it", async () => {
  const t = testApp({ secure: true });
  const { token } = t.access.tokens.ephemeral({ role: "dashboard" });
  const login = await t.request("/v1/login", json({ token }));
  assertStringIncludes(login.headers.get("set-cookie") ?? "", "; Secure");
  const logout = await t.request("/v1/logout", { method: "POST" });
  assertEquals(logout.status, 204);
  assertStringIncludes(logout.headers.get("set-cookie") ?? "", "tidegate=; Path=/; Max-Age=0");
  const foreign = await t.request("/v1/logout", { method: "POST", headers: { origin: "https://evil.org" } });
  assertEquals(foreign.status, 403);
});

Deno.test("every answer carries the security headers, problems and faults too", async () => {
  const t = testApp();
  t.services.notReady = () => {
    throw new Error("secret detail");
  };
  for (const path of ["/healthz", "/v1/devices", "/nope", "/docs", "/openapi.json", "/readyz"]) {
    const { headers } = await t.request(path);
    assertStringIncludes(headers.get("content-security-policy") ?? "", "frame-ancestors 'none'", path);
    assertStringIncludes(headers.get("content-security-policy") ?? "", "default-src 'none'", path);
    assertEquals(headers.get("x-content-type-options"), "nosniff", path);
    assertEquals(headers.get("cache-control"), "no-store", path);
  }
});

Deno.test("a fault of our own is logged, and the caller is told nothing of it", async () => {
  const t = testApp();
  t.services.store.status = () => Promise.reject(new Error("no such table: secrets"));
  const response = await t.operator("/v1/status");
  assertEquals(response.status, 500);
  assert(!(await response.text()).includes("secrets"));
  assertEquals(t.seen.faults.map(({ where }) => where), ["GET /v1/status"]);
});

Deno.test("bodies above the limit are refused, whether they say their size or not", async () => {
  const t = testApp();
  const big = new Uint8Array(MAX_PAYLOAD_BYTES + 1);
  const write = (init: RequestInit) => t.operator("/v1/topics/pump/speed", { method: "POST", ...init });
  assertEquals((await write({ body: big })).status, 413);
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  // `duplex` is required for streams by the Fetch standard and not in every library's types.
  assertEquals((await write({ body: endless, duplex: "half" } as RequestInit)).status, 413);
  assert(pulled < 5_000_000, `${pulled} bytes were read`);
  assertEquals((await write({ body: big.subarray(1) })).status, 200);
  const text = "x".repeat(MAX_JSON_BYTES);
  assertEquals((await t.operator("/v1/devices", json({ name: text }))).status, 413);
  assertEquals(t.seen.writes.length, 1);
});

Deno.test("somebody who may not write is refused, and what was sent is thrown away within bounds", async () => {
  const t = testApp();
  const headers = t.bearer({ role: "dashboard" });
  const write = async (pull: UnderlyingSource<Uint8Array>["pull"]) => {
    const body = new ReadableStream<Uint8Array>(pull ? { pull } : {}, { highWaterMark: 0 });
    const init = { method: "POST", body, headers, duplex: "half" } as RequestInit;
    assertEquals((await t.request("/v1/topics/pump/speed", init)).status, 403);
  };
  let pulled = 0;
  await write((controller) => {
    pulled++;
    if (pulled < 4) controller.enqueue(new Uint8Array(10));
    else controller.close();
  });
  assertEquals(pulled, 4, "a client still sending would lose the answer");
  pulled = 0;
  await write((controller) => {
    pulled += 65_536;
    controller.enqueue(new Uint8Array(65_536));
  });
  assert(pulled < 5_000_000, `${pulled} bytes were read`);
  await write(() => {
    throw new Error("the client is gone");
  });
  assertEquals(t.seen.faults, []);
});

Deno.test("paths that try to climb or smuggle reach nothing", async () => {
  const t = testApp({
    page: {
      assets: new Map([["/", { contentType: "text/html", etag: '"1"', body: "page" }]]),
      contentSecurityPolicy: "default-src 'self'",
    },
  });
  const paths = [
    "/../etc/passwd",
    "/%2e%2e/etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "//v1/devices",
    "/v1//devices",
    "/v1/devices/",
    "/V1/devices",
    "/v1/devices%00",
    "/index.html%00.js",
    "/__proto__",
    "/constructor",
  ];
  for (const path of paths) assertEquals([path, (await t.operator(path)).status], [path, 404]);
  for (
    const topic of [
      "a//b/last",
      "%00/last",
      "+/last",
      "%23/last",
      "pump%2F%2Fx/last",
      "a/".repeat(20) + "last",
    ]
  ) {
    const { status } = await t.operator(`/v1/topics/${topic}`);
    assert(status === 400 || status === 404 || status === 405, `${topic} gives ${status}`);
  }
});

Deno.test("what a caller sends never becomes a header or markup of the answer", async () => {
  const t = testApp();
  const sly = "x%0d%0aset-cookie:%20a=b";
  for (
    const path of [`/v1/devices/${sly}`, `/v1/sessions?device=${sly}`, `/v1/topics/${sly}/last`, `/${sly}`]
  ) {
    const response = await t.operator(path, { method: path.includes("/devices/") ? "DELETE" : "GET" });
    assertEquals(response.headers.get("set-cookie"), null);
    await problem(response);
  }
  const markup = await t.operator("/v1/topics/%3Cscript%3Ealert(1)%3C%2Fscript%3E/last");
  assertEquals(markup.headers.get("content-type"), "application/problem+json");
  const allowed = await t.request("/healthz", { headers: { origin: "https://ops.example.org" } });
  assertEquals(allowed.headers.get("access-control-allow-origin"), "https://ops.example.org");
  const foreign = await t.request("/healthz", { headers: { origin: "https://evil.org" } });
  assertEquals(foreign.headers.get("access-control-allow-origin"), null);
  assertStringIncludes(foreign.headers.get("vary") ?? "", "origin");
});

Deno.test("an allowed origin gets its preflight answered, without credentials; a foreign one gets nothing", async () => {
  const t = testApp();
  const preflight = (origin: string) =>
    t.request("/v1/devices", {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST" },
    });
  const allowed = await preflight("https://ops.example.org");
  assertEquals(allowed.status, 204);
  assertEquals(allowed.headers.get("access-control-allow-origin"), "https://ops.example.org");
  assertStringIncludes(allowed.headers.get("access-control-allow-headers") ?? "", "authorization");
  assertEquals(allowed.headers.get("access-control-allow-credentials"), null);
  const foreign = await preflight("https://evil.org");
  assertEquals(foreign.headers.get("access-control-allow-methods"), null);
});

Deno.test("HEAD answers like GET without a body; OPTIONS and other methods name what is allowed", async () => {
  const t = testApp();
  const head = await t.operator("/v1/devices", { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
  const options = await t.request("/v1/devices", { method: "OPTIONS" });
  assertEquals([options.status, options.headers.get("allow")], [204, "GET, POST, HEAD, OPTIONS"]);
  const put = await t.operator("/v1/devices", { method: "PUT" });
  assertEquals([put.status, put.headers.get("allow")], [405, "GET, POST, HEAD, OPTIONS"]);
  assertEquals((await problem(put)).type, "/docs#problem-method-not-allowed");
});

Deno.test("a token is in no answer but the one that makes it", async () => {
  const t = testApp();
  const made = await (await t.operator("/v1/tokens", json({ role: "dashboard", label: "wall" }))).json();
  const secret = made.token.slice(-43);
  for (const path of ["/v1/tokens", "/v1/status", "/v1/devices", "/metrics"]) {
    assert(!(await (await t.operator(path)).text()).includes(secret), path);
  }
  const wrong = await t.request("/v1/me", { headers: { authorization: `Bearer ${made.token}x` } });
  assert(!(await wrong.text()).includes(secret));
  assertEquals(JSON.stringify(t.seen.faults).includes(secret), false);
});

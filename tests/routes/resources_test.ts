import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decode as decodeCbor } from "cborg";
import { WriteRefused } from "../../hub/writing.ts";
import { f64, json, testApp } from "./support.ts";

async function body(response: Response, status = 200) {
  const text = await response.text();
  assertEquals([response.status, text.slice(0, response.status === status ? 0 : 500)], [status, ""]);
  return JSON.parse(text);
}

Deno.test("healthz and readyz need no token; readyz says in words why not", async () => {
  const t = testApp();
  assertEquals(await body(await t.request("/healthz")), { status: "ok" });
  assertEquals(await body(await t.request("/readyz")), { status: "ready" });
  t.seen.notReady.push("the database cannot be written: disk full", "not listening yet");
  const document = await body(await t.request("/readyz"), 503);
  assertStringIncludes(document.detail, "disk full");
  assertEquals(document.errors.length, 2);
  assertEquals(document.instance, "/readyz");
});

Deno.test("me says who the token is", async () => {
  const t = testApp();
  const me = await body(
    await t.request("/v1/me", { headers: t.bearer({ role: "dashboard", read: ["pump/#"] }) }),
  );
  assertEquals([me.role, me.read, me.write, me.device], ["dashboard", ["pump/#"], [], null]);
  const { token } = await t.access.devices.add("pump");
  const basic = { authorization: `Basic ${btoa(`pump:${token}`)}` };
  assertEquals((await body(await t.request("/v1/me", { headers: basic }))).device, "pump");
});

Deno.test("a device is added, listed with whether it is online, and revoked", async () => {
  const t = testApp();
  const added = await body(
    await t.operator("/v1/devices", json({ name: "pump", description: "cellar" })),
    201,
  );
  assertEquals(t.access.tokens.authenticate(added.token)?.device, "pump");
  const [listed] = (await body(await t.operator("/v1/devices"))).devices;
  assertEquals([listed.name, listed.description, listed.online, listed.session], [
    "pump",
    "cellar",
    true,
    "s-5",
  ]);
  assertEquals(
    (await body(await t.operator("/v1/devices", json({ name: "pump" })), 409)).errors[0].pointer,
    "#/name",
  );
  const revoked = await body(await t.operator("/v1/devices/pump", { method: "DELETE" }));
  assert(revoked.revokedAt !== null);
  assertEquals(t.access.tokens.authenticate(added.token), undefined);
  await body(await t.operator("/v1/devices/nobody", { method: "DELETE" }), 404);
  await body(await t.operator("/v1/devices", json({ name: "pump", replace: true })), 201);
});

Deno.test("what is wrong with a request is told in words, with what was given and the limit", async () => {
  const t = testApp();
  const detail = async (path: string, value?: unknown) => {
    const answer = await t.operator(path, value === undefined ? {} : json(value));
    return (await body(answer, 400)).detail;
  };
  assertEquals(
    await detail("/v1/devices", { name: "pump 7" }),
    `name: device name "pump 7" may hold only letters, digits, '.', '_' and '-', and starts with a letter or digit`,
  );
  assertEquals(
    await detail("/v1/tokens", { role: "dashboard", read: ["a/#", "a/#/b"] }).then((text) =>
      text.slice(0, 14)
    ),
    "read, item 2: ",
  );
  assertMatch(
    await detail("/v1/devices", { name: "a", description: "x".repeat(5_000) }),
    /, got 5000 characters$/,
  );
  assertMatch(await detail("/v1/sessions?limit=501"), /^limit: .*500, got 501$/);
  assertMatch(await detail("/v1/devices", []), /^the body: /);
});

Deno.test("a body that does not fit is refused field by field", async () => {
  const t = testApp();
  const errors = async (value: unknown) =>
    (await body(await t.operator("/v1/devices", json(value)), 400)).errors;
  assertEquals((await errors({ name: "a/b" }))[0].pointer, "#/name");
  assertEquals((await errors({})).map(({ pointer }: { pointer: string }) => pointer), ["#/name"]);
  assertEquals((await errors([]))[0].pointer, "#");
  assertStringIncludes((await errors({ name: "a", nmae: "b" }))[0].detail, "nmae");
  await body(await t.operator("/v1/devices", { ...json({}), body: "{" }), 400);
  await body(await t.operator("/v1/devices", { ...json({}), body: new Uint8Array([0x22, 0xff, 0x22]) }), 400);
  await body(
    await t.operator("/v1/devices", { method: "POST", body: "x", headers: { "content-type": "text/x" } }),
    415,
  );
});

Deno.test("tokens are made, listed and revoked", async () => {
  const t = testApp();
  const expiresAt = new Date(t.access.clock.ms + 60_000).toISOString();
  const made = await body(
    await t.operator("/v1/tokens", json({ role: "dashboard", label: "wall", read: ["pump/#"], expiresAt })),
    201,
  );
  assertEquals([made.info.read, made.info.write, made.info.expiresAt], [["pump/#"], [], expiresAt]);
  const [listed] = (await body(await t.operator("/v1/tokens"))).tokens;
  assertEquals([listed.id, "hash" in listed], [made.info.id, false]);
  const revoked = await body(await t.operator(`/v1/tokens/${made.info.id}`, { method: "DELETE" }));
  assert(revoked.revokedAt !== null);
  assertEquals(t.access.tokens.authenticate(made.token), undefined);
  await body(await t.operator("/v1/tokens/nope", { method: "DELETE" }), 404);
  await body(await t.operator("/v1/tokens", json({ role: "device", device: "unknown" })), 404);
  for (
    const wrong of [{ role: "admin" }, { role: "device" }, { role: "dashboard", read: ["a/#/b"] }, {
      role: "operator",
      expiresAt: "2001-01-01T00:00:00Z",
    }]
  ) {
    await body(await t.operator("/v1/tokens", json(wrong)), 400);
  }
});

Deno.test("an enrolment is listed, approved by its code, and rejected", async () => {
  const t = testApp();
  const first = t.access.enrolments.request("sensor", "10.0.0.1:1");
  const second = t.access.enrolments.request("other", "10.0.0.1:1");
  const { enrolments } = await body(await t.operator("/v1/enrolments"));
  assertEquals(enrolments.map(({ code }: { code: string }) => code), [first.code, second.code]);
  await body(await t.operator(`/v1/enrolments/${first.code.toLowerCase()}/approve`, { method: "POST" }));
  assertEquals((await first.outcome).status, "approved");
  await body(await t.operator(`/v1/enrolments/${second.id}/reject`, { method: "POST" }));
  assertEquals((await second.outcome).status, "rejected");
  await body(await t.operator(`/v1/enrolments/${first.code}/approve`, { method: "POST" }), 404);
  const again = t.access.enrolments.request("sensor", "10.0.0.1:1");
  await body(await t.operator(`/v1/enrolments/${again.id}/approve`, { method: "POST" }), 409);
  await body(await t.operator(`/v1/enrolments/${again.id}/approve?replace=true`, { method: "POST" }));
});

Deno.test("topics come a page at a time, each once", async () => {
  const t = testApp();
  const headers = t.bearer({ role: "operator" });
  const names: string[] = [];
  for (let after: string | null = ""; after !== null;) {
    const from: string = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
    const page = await body(await t.request(`/v1/topics?limit=3${from}`, { headers }));
    names.push(...page.topics.map((entry: { topic: string }) => entry.topic));
    after = page.next;
  }
  assertEquals(names, ["fan/blob", "pump/log/last", "pump/speed", "pump/temperature"]);
});

Deno.test("topics are those that the token may read, with their newest values", async () => {
  const t = testApp();
  const names = async (headers: Record<string, string>, query = "") =>
    (await body(await t.request(`/v1/topics${query}`, { headers }))).topics.map((entry: { topic: string }) =>
      entry.topic
    );
  assertEquals(await names(t.bearer({ role: "operator" })), [
    "fan/blob",
    "pump/log/last",
    "pump/speed",
    "pump/temperature",
  ]);
  assertEquals(await names(t.bearer({ role: "dashboard", read: ["fan/#"] })), ["fan/blob"]);
  assertEquals(await names(t.bearer({ role: "device", device: "fan" })), ["fan/blob"]);
  assertEquals(await names(t.bearer({ role: "operator" }), "?pattern=%2B/speed"), ["pump/speed"]);
});

Deno.test("the newest value is found whether slashes are encoded or not, decoded where it can be", async () => {
  const t = testApp();
  for (const path of ["pump/temperature", "pump%2Ftemperature", "pump%2ftemperature"]) {
    const found = await body(await t.operator(`/v1/topics/${path}/last`));
    assertEquals([found.topic, found.unit, found.newest.value, found.newest.t], [
      "pump/temperature",
      "°C",
      21.5,
      1_700_000_000_000_000,
    ]);
  }
  assertEquals((await body(await t.operator("/v1/topics/fan/blob/last"))).newest.payload, "AQL/");
  assertEquals((await body(await t.operator("/v1/topics/pump/speed/last"))).newest, null);
  assertEquals((await body(await t.operator("/v1/topics/pump/log/last/last"))).topic, "pump/log/last");
});

Deno.test("a topic that the token may not read is not told from one that does not exist", async () => {
  const t = testApp();
  const headers = t.bearer({ role: "dashboard", read: ["fan/#"] });
  for (const suffix of ["last", "history"]) {
    const hidden = await body(await t.request(`/v1/topics/pump/temperature/${suffix}`, { headers }), 404);
    const missing = await body(await t.request(`/v1/topics/nothing/temperature/${suffix}`, { headers }), 404);
    assertEquals(hidden.detail.replace("pump", "nothing"), missing.detail);
  }
  assertEquals(t.seen.series, []);
});

Deno.test("history asks the database for what the query says", async () => {
  const t = testApp();
  const nowUs = t.access.clock.ms * 1000;
  await body(await t.operator("/v1/topics/pump/temperature/history"));
  await body(
    await t.operator(
      "/v1/topics/pump%2Ftemperature/history?from=-10m&to=-5m&maxPoints=7&downsampling=lttb&field=x",
    ),
  );
  assertEquals(t.seen.series, [
    {
      topic: "pump/temperature",
      fromUs: nowUs - 3_600e6,
      toUs: nowUs,
      maxPoints: 2_000,
      downsampling: "minmax",
    },
    {
      topic: "pump/temperature",
      fromUs: nowUs - 600e6,
      toUs: nowUs - 300e6,
      maxPoints: 7,
      downsampling: "lttb",
      field: "x",
    },
  ]);
  for (
    const query of [
      "from=yesterday",
      "from=-1m&to=-2m",
      "maxPoints=0",
      "maxPoints=100001",
      "maxPoints=1e3",
      "downsampling=avg",
      "form=-1m",
      "to=now&to=now",
    ]
  ) {
    const document = await body(await t.operator(`/v1/topics/pump/temperature/history?${query}`), 400);
    assert(document.errors[0].parameter !== undefined, query);
  }
});

Deno.test("samples come as JSON or CBOR, with payloads where asked for or not decodable", async () => {
  const t = testApp();
  const path = "/v1/topics/pump/temperature/history";
  const found = await body(await t.operator(path));
  assertEquals(found.points.map(({ value }: { value: unknown }) => value), [1.5, "NaN"]);
  assertEquals("payload" in found.points[0], false);
  const asked = await body(await t.operator(`${path}?payload=true`));
  assertEquals(asked.points[0].payload, btoa(String.fromCharCode(...f64(1.5))));
  const raw = await body(await t.operator("/v1/topics/fan/blob/history"));
  assertEquals([raw.points[0].payload, "value" in raw.points[0]], ["AQ==", false]);
  const accept = "application/json;q=0.5, application/cbor";
  const cbor = await t.operator("/v1/topics/fan/blob/history", { headers: { accept } });
  assertEquals(cbor.headers.get("content-type"), "application/cbor");
  const decoded = decodeCbor(new Uint8Array(await cbor.arrayBuffer()));
  assertEquals(decoded.points[0].payload, new Uint8Array([1]));
  assertEquals(
    (await t.operator(path, { headers: { accept: "*/*" } })).headers.get("content-type"),
    "application/json",
  );
});

Deno.test("a JSON body is encoded as the topic declares, any other but a form is taken as it is", async () => {
  const t = testApp();
  t.seen.writeResult = { status: "done", value: { at: new Uint8Array([1]) }, message: "ok" };
  const outcome = await body(await t.operator("/v1/topics/pump/speed?timeoutMs=500", json({ rpm: 3000 })));
  assertEquals(outcome, { status: "done", message: "ok", value: { at: "AQ==" } });
  const octets = {
    method: "POST",
    body: new Uint8Array([1, 2]),
    headers: { "content-type": "application/octet-stream" },
  };
  await body(await t.operator("/v1/topics/pump%2Fspeed", octets));
  assertEquals(t.seen.writes.map(({ topic, payload, timeoutMs }) => [topic, [...payload], timeoutMs]), [
    ["pump/speed", [0xb8, 0x0b], 500],
    ["pump/speed", [1, 2], undefined],
  ]);
  await body(await t.operator("/v1/topics/pump/speed", json({ rpm: "fast" })), 422);
  await body(await t.operator("/v1/topics/pump/none", json(1)), 404);
  await body(await t.operator("/v1/topics/pump/speed?timeoutMs=60001", json({ rpm: 1 })), 400);
  const form = { method: "POST", body: new URLSearchParams({ rpm: "1" }) };
  await body(await t.operator("/v1/topics/pump/speed", form), 415);
});

Deno.test("a write that is turned down says why with its own status", async () => {
  const t = testApp();
  const cases = [
    ["forbidden", 403],
    ["unknown_topic", 404],
    ["not_writable", 409],
    ["too_large", 413],
    ["bad_payload", 422],
    ["overloaded", 503],
  ] as const;
  for (const [code, status] of cases) {
    t.seen.writeError = new WriteRefused(code, `because ${code}`);
    const document = await body(await t.operator("/v1/topics/pump/speed", json({ rpm: 1 })), status);
    assertEquals(document.detail, `because ${code}`);
  }
  const narrow = t.bearer({ role: "dashboard", write: ["fan/#"] });
  const init = json({ rpm: 1 });
  const headers = { ...narrow, "content-type": "application/json" };
  await body(await t.request("/v1/topics/pump/speed", { ...init, headers }), 403);
});

Deno.test("a device publishes its own samples over HTTP, and nobody else's", async () => {
  const t = testApp();
  const headers = { ...t.bearer({ role: "device", device: "pump" }), "content-type": "application/json" };
  const post = (topic: string, value: unknown) =>
    t.request(`/v1/topics/${topic}`, { ...json(value), headers });
  assertEquals(await body(await post("pump/temperature", 20)), {
    status: "published",
    offset: 7,
    t: 1_700_000_000_000_000,
  });
  await body(await post("pump/new", { a: 1 }));
  await body(await post("fan/blob", [1]), 403);
  assertEquals(t.seen.publishes.map(({ topic, payload, encoding }) => [topic, payload.length, encoding]), [
    ["pump/temperature", 8, "f64"],
    ["pump/new", 7, "json"],
  ]);
});

Deno.test("sessions are filtered, and paged without gap or repeat", async () => {
  const t = testApp();
  const ids: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page = await body(await t.operator(`/v1/sessions?limit=2${cursor && `&cursor=${cursor}`}`));
    ids.push(...page.sessions.map(({ id }: { id: string }) => id));
    cursor = page.next;
  }
  assertEquals(ids, ["s-5", "s-4", "s-3", "s-2", "s-1"]);
  assertEquals(t.seen.filters.length, 3, "the last page says that it is");
  const query = "device=pump&role=device&transport=websocket&endReason=idle&open=true&from=-1h&to=now";
  await body(await t.operator(`/v1/sessions?${query}`));
  assertEquals(t.seen.filters.at(-1), {
    limit: 51,
    device: "pump",
    role: "device",
    transport: "websocket",
    endReason: "idle",
    open: true,
    fromMs: t.access.clock.ms - 3_600_000,
    toMs: t.access.clock.ms,
  });
  for (
    const wrong of [
      "cursor=zzz",
      "cursor=%00",
      "role=admin",
      "limit=0",
      "limit=501",
      "open=yes",
      "device=a/b",
    ]
  ) {
    await body(await t.operator(`/v1/sessions?${wrong}`), 400);
  }
});

Deno.test("one session is shown with its topics, story and samples", async () => {
  const t = testApp();
  const shown = await body(await t.operator("/v1/sessions/s-3"));
  assertEquals([shown.id, shown.startedAt, shown.endedAt, shown.drops], [
    "s-3",
    "2023-11-14T22:13:20.003Z",
    null,
    { rate: 7 },
  ]);
  assertEquals(shown.topics, [{ topic: "pump/temperature", samples: 2, first: 10, last: 20 }]);
  const { events } = await body(await t.operator("/v1/sessions/s-3/events"));
  assertEquals([events[0].kind, events[0].detail], ["moved", { to: "webrtc" }]);
  await body(await t.operator("/v1/sessions/s-3/samples?topic=pump/temperature"));
  assertEquals(t.seen.series.at(-1), {
    topic: "pump/temperature",
    fromUs: 10,
    toUs: 20,
    maxPoints: 2_000,
    downsampling: "minmax",
    session: 3,
  });
  await body(await t.operator("/v1/sessions/s-3/samples"), 400);
  await body(await t.operator("/v1/sessions/s-3/samples?topic=pump/other"), 404);
  for (const path of ["", "/events", "/samples?topic=a/b"]) {
    await body(await t.operator(`/v1/sessions/none${path}`), 404);
  }
});

Deno.test("status adds up what the parts say", async () => {
  const t = testApp();
  await t.access.devices.add("pump");
  const status = await body(await t.operator("/v1/status"));
  assertEquals([status.version, status.uptimeS, status.topics, status.devices], ["1.2.3", 5, 4, {
    known: 1,
    online: 1,
  }]);
  assertEquals(status.store.samples, 2);
});

Deno.test("the page's files are served with their type, cached by their tag, and listed paths only", async () => {
  const assets = new Map([
    ["/", { contentType: "text/html; charset=utf-8", etag: '"abc"', body: "<!doctype html>" }],
    ["/icon.png", { contentType: "image/png", etag: '"def"', body: new Uint8Array([137, 80]) }],
  ]);
  const t = testApp({
    page: { assets, contentSecurityPolicy: "default-src 'self'; frame-ancestors 'none'" },
  });
  const page = await t.request("/");
  assertEquals([page.status, page.headers.get("etag"), await page.text()], [200, '"abc"', "<!doctype html>"]);
  assertEquals(page.headers.get("cache-control"), "no-cache");
  assertEquals(page.headers.get("content-security-policy"), "default-src 'self'; frame-ancestors 'none'");
  for (const tags of ['"abc"', 'W/"abc"', '"x", "abc"', "*"]) {
    const cached = await t.request("/", { headers: { "if-none-match": tags } });
    assertEquals([cached.status, await cached.text(), cached.headers.get("etag")], [304, "", '"abc"']);
  }
  assertEquals((await t.request("/", { headers: { "if-none-match": '"old"' } })).status, 200);
  const icon = await t.request("/icon.png");
  assertEquals([icon.headers.get("content-type"), (await icon.arrayBuffer()).byteLength], ["image/png", 2]);
  assertEquals((await t.request("/index.html")).status, 404);
});

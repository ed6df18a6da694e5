import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Answer, FakeParts, tidegate, withFolder } from "./support.ts";

/** Runs a command over the database of a gateway that does not run. */
async function local(args: string[], answer: Answer) {
  const parts = new FakeParts(answer);
  let printed: Awaited<ReturnType<typeof tidegate>> | undefined;
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/tidegate.db`, "");
    printed = await tidegate([...args, "--data", folder], { parts });
  });
  return { ...printed!, seen: parts.seen, closed: parts.closed };
}

Deno.test("device add --json prints device and token, and closes the database", async () => {
  const { code, out, err, seen, closed } = await local(
    ["device", "add", "pump-7", "--json", "--description", "in the cellar"],
    () => [201, { device: { name: "pump-7" }, token: "tg_x" }],
  );
  assertEquals([code, err, closed], [0, [], 1]);
  assertEquals(JSON.parse(out[0]!), { device: "pump-7", token: "tg_x" });
  assertEquals(seen, [
    { method: "POST", path: "/v1/devices", body: { name: "pump-7", description: "in the cellar" } },
  ]);
});

Deno.test("device add prints the bare token on stdout, so that it can be piped", async () => {
  const { out, err } = await local(["device", "add", "pump-7"], () => [201, { token: "tg_x" }]);
  assertEquals(out, ["tg_x"]);
  assertStringIncludes(err[0]!, "pump-7");
});

Deno.test("token create --json prints the token", async () => {
  const { out, seen } = await local(
    ["token", "create", "--role", "dashboard", "--read", "a/#", "--read", "b/#,c/#", "--json"],
    () => [201, { token: "tg_y", id: "1" }],
  );
  assertEquals(JSON.parse(out[0]!).token, "tg_y");
  assertEquals(seen[0]?.body, { role: "dashboard", read: ["a/#", "b/#", "c/#"] });
});

Deno.test("token create --expires-in becomes a moment", async () => {
  const before = Date.now();
  const { seen } = await local(
    ["token", "create", "--role", "operator", "--expires-in", "1h"],
    () => [201, { token: "t" }],
  );
  const expiresAt = Date.parse((seen[0]?.body as { expiresAt: string }).expiresAt);
  assertEquals(expiresAt >= before + 3_600_000 && expiresAt <= Date.now() + 3_600_000, true);
});

Deno.test("device list shows a table, and none where there are none", async () => {
  const device = {
    name: "a",
    description: "x\u001b[2Jy",
    createdAt: "2026-01-31T00:00:00Z",
    lastSeenAt: null,
    revokedAt: null,
  };
  const { out } = await local(["device", "list"], () => [200, { devices: [device] }]);
  assertStringIncludes(out[0]!, "DEVICE");
  assertEquals(out[0]!.includes("\u001b"), false);
  assertEquals((await local(["device", "list"], () => [200, { devices: [] }])).out, ["none"]);
});

Deno.test("what the gateway refuses is one line with its own words", async () => {
  const answers = [[409, 1], [404, 1], [403, 4], [401, 4], [500, 1]] as const;
  for (const [status, exit] of answers) {
    const { code, out, err } = await local(
      ["device", "add", "a"],
      () => [status, { title: "No", detail: `because of\n ${status}` }],
    );
    assertEquals([code, out, err], [exit, [], [`tidegate: because of ${status}`]]);
  }
});

Deno.test("commands that only read refuse a folder without a database", async () => {
  await withFolder(async (folder) => {
    const { code, err } = await tidegate(["device", "list", "--data", `${folder}/none`]);
    assertEquals(code, 3);
    assertStringIncludes(err[0]!, "holds no database");
  });
});

Deno.test("device approve takes the code in any spelling, or a name that only one asks under", async () => {
  const enrolments = [
    { id: "e1", code: "K7QF-2M8X", device: "a" },
    { id: "e2", code: "AAAA-BBBB", device: "b" },
    { id: "e3", code: "CCCC-DDDD", device: "b" },
  ];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === "GET") return Response.json({ enrolments });
    await request.text();
    return Response.json({ path: pathname });
  });
  const at = ["--url", `http://127.0.0.1:${server.addr.port}`, "--token", "t", "--json"];
  try {
    for (const code of ["k7qf2m8x", "K7QF-2M8X", "a"]) {
      const { out } = await tidegate(["device", "approve", code, ...at]);
      assertEquals(JSON.parse(out[0]!), { device: "a", status: "approved" });
    }
    const { code, err } = await tidegate(["device", "approve", "b", ...at]);
    assertEquals(code, 1);
    assertStringIncludes(err[0]!, "waiting: K7QF-2M8X (a), AAAA-BBBB (b), CCCC-DDDD (b)");
  } finally {
    await server.shutdown();
  }
});

Deno.test("sessions list passes its filters on", async () => {
  const { seen, out } = await local(
    [
      "sessions",
      "list",
      "--device",
      "a b",
      "--end-reason",
      "crashed",
      "--from",
      "2026-01-31T00:00:00Z",
      "--open",
    ],
    () => [200, { sessions: [], next: null }],
  );
  const query = new URL(seen[0]!.path, "http://x").searchParams;
  assertEquals(query.get("device"), "a b");
  assertEquals(query.get("endReason"), "crashed");
  assertEquals(Number(query.get("from")), Date.UTC(2026, 0, 31));
  assertEquals(query.get("limit"), "50");
  assertEquals(out, ["none"]);
});

Deno.test("sessions samples shows payloads without a value as bytes", async () => {
  const points = [
    { t: 0, offset: 1, payload: "AAB4Qg==" },
    { t: 1, offset: 2, payload: btoa("x".repeat(40)) },
    { t: 2, offset: 3, value: "612" },
  ];
  const { out } = await local(
    ["sessions", "samples", "01J", "pump/raw"],
    () => [200, { topic: "pump/raw", total: 3, truncated: false, points }],
  );
  const shown = out[0]!.split("\n").slice(1).map((row) => row.split("  ").at(-1)!.trim());
  assertEquals(shown, ["4 bytes: 00 00 78 42", `40 bytes: ${"78 ".repeat(32)}…`, '"612"']);
});

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { AccessError } from "../../access/errors.ts";
import { hashSecret, parseToken } from "../../access/token_text.ts";
import { LAST_USED_EVERY_MS } from "../../access/tokens.ts";
import { mayRead, mayWrite } from "../../hub/access.ts";
import { MemoryStore, nextTurn, testAccess } from "./support.ts";

Deno.test("a created token authenticates, and only its hash is stored", async () => {
  const { tokens, store } = testAccess();
  const { token, info } = await tokens.create({ role: "operator", label: "me" });
  assertMatch(token, /^tg_[0-9a-z]{10}_[A-Za-z0-9_-]{43}$/);
  assertEquals(tokens.authenticate(token)?.role, "operator");
  const row = store.tokens.get(info.id)!;
  const secret = parseToken(token)!.secret;
  assertEquals(row.hash, hashSecret(secret));
  assert(!JSON.stringify([row, info, tokens.list()]).includes(secret));
  assert(!("hash" in tokens.list()[0]!));
});

Deno.test("a token with one character changed is refused", async () => {
  const { tokens } = testAccess();
  const { token } = await tokens.create({ role: "operator" });
  for (let i = 0; i < token.length; i++) {
    const changed = token.slice(0, i) + (token[i] === "a" ? "b" : "a") + token.slice(i + 1);
    assertEquals(tokens.authenticate(changed), undefined, `at ${i}`);
  }
  for (const other of ["", "tg_", token + "x", token.slice(1), ` ${token}`, token + "\n"]) {
    assertEquals(tokens.check(other), { ok: false, reason: "malformed" });
  }
});

Deno.test("each role gets the patterns that bind it", async () => {
  const { tokens } = testAccess();
  const device = tokens.authenticate((await tokens.create({ role: "device", device: "pump" })).token)!;
  assert(mayRead(device, "pump/a") && mayWrite(device, "pump/a"));
  assert(!mayRead(device, "pumpkin/a") && !mayWrite(device, "other/a"));
  const dashboard = tokens.authenticate((await tokens.create({ role: "dashboard" })).token)!;
  assert(mayRead(dashboard, "pump/a") && !mayWrite(dashboard, "pump/a"));
  const narrow = tokens.authenticate(
    (await tokens.create({ role: "dashboard", read: ["pump/#"], write: ["pump/set"] })).token,
  )!;
  assert(mayWrite(narrow, "pump/set") && !mayRead(narrow, "fan/a"));
  const operator = tokens.authenticate((await tokens.create({ role: "operator" })).token)!;
  assert(mayRead(operator, "x/y") && mayWrite(operator, "x/y"));
});

Deno.test("a token request that does not fit its role is refused with the field at fault", async () => {
  const { tokens, clock } = testAccess();
  const cases = [
    [{ role: "device" }, "device"],
    [{ role: "device", device: "a/b" }, "device"],
    [{ role: "operator", device: "a" }, "device"],
    [{ role: "operator", read: ["#"] }, "read"],
    [{ role: "device", device: "a", write: ["b/#"] }, "read"],
    [{ role: "dashboard", read: ["a/#/b"] }, "read"],
    [{ role: "dashboard", write: [""] }, "write"],
    [{ role: "dashboard", write: new Array(257).fill("a") }, "write"],
    [{ role: "operator", label: "x".repeat(129) }, "label"],
    [{ role: "operator", expiresAt: clock.ms }, "expiresAt"],
    [{ role: "operator", expiresAt: Number.NaN }, "expiresAt"],
  ] as const;
  for (const [request, field] of cases) {
    const error = await assertRejects(
      () => tokens.create(request as Parameters<typeof tokens.create>[0]),
      AccessError,
    );
    assertEquals([error.problem, error.field], ["invalid", field]);
  }
});

Deno.test("revoking ends live sessions before it is stored, once, and only theirs", async () => {
  const { tokens, store } = testAccess();
  const a = await tokens.create({ role: "operator" });
  const b = await tokens.create({ role: "operator" });
  const ended: string[] = [];
  tokens.onRevoked(a.info.id, () => ended.push("a1"));
  tokens.onRevoked(a.info.id, () => ended.push("a2"));
  tokens.onRevoked(b.info.id, () => ended.push("b"));
  const stop = tokens.onRevoked(a.info.id, () => ended.push("a3"));
  stop();
  stop();
  store.hold = new Promise(() => {});
  void tokens.revoke(a.info.id);
  assertEquals(ended, ["a1", "a2"]);
  assertEquals(tokens.check(a.token), { ok: false, reason: "revoked" });
  assert(tokens.authenticate(b.token));
  store.hold = undefined;
  await tokens.revoke(a.info.id);
  assertEquals(ended, ["a1", "a2"]);
});

Deno.test("a revoked token stays revoked after a restart, and when storing that failed, for this run", async () => {
  const { tokens, store } = testAccess();
  const a = await tokens.create({ role: "operator" });
  const b = await tokens.create({ role: "operator" });
  await tokens.revoke(a.info.id);
  const next = testAccess({ memory: store.restarted() }).tokens;
  assertEquals(next.authenticate(a.token), undefined);
  assertEquals(next.authenticate(b.token)?.tokenId, b.info.id);
  store.fail = new Error("disk full");
  await assertRejects(() => tokens.revoke(b.info.id), Error, "disk full");
  assertEquals(tokens.authenticate(b.token), undefined);
  const error = await assertRejects(() => tokens.revoke("nope"), AccessError);
  assertEquals(error.problem, "not_found");
});

Deno.test("a token that could not be stored does not exist", async () => {
  const { tokens, store } = testAccess();
  store.fail = new Error("disk full");
  await assertRejects(() => tokens.create({ role: "operator" }), Error, "disk full");
  assertEquals(tokens.list(), []);
});

Deno.test("a token ends when its time is over, and the sweep ends its sessions", async () => {
  const { tokens, sweep, clock } = testAccess();
  const { token, info } = await tokens.create({ role: "dashboard", expiresAt: clock.ms + 1000 });
  let ended = 0;
  tokens.onRevoked(info.id, () => ended++);
  clock.ms += 999;
  sweep();
  assert(tokens.authenticate(token));
  assertEquals(ended, 0);
  clock.ms += 1;
  sweep();
  assertEquals(ended, 1);
  assertEquals(tokens.check(token), { ok: false, reason: "expired" });
  assertEquals(ended, 1);
});

Deno.test("the time of last use is written at most once a minute, and failing to is only told", async () => {
  const errors: unknown[] = [];
  const { tokens, store, clock } = testAccess({ onError: (error) => errors.push(error) });
  const { token, info } = await tokens.create({ role: "operator" });
  for (let i = 0; i < 100; i++) tokens.authenticate(token);
  assertEquals(store.puts, 2);
  await nextTurn();
  clock.ms += LAST_USED_EVERY_MS;
  store.fail = new Error("disk full");
  assert(tokens.authenticate(token));
  await nextTurn();
  assertEquals(errors.length, 1);
  assertEquals(tokens.get(info.id)?.lastUsedAt, clock.ms);
});

Deno.test("an ephemeral token is never stored and is gone after a restart", async () => {
  const { tokens, store, clock } = testAccess();
  const { token, info } = tokens.ephemeral({ role: "operator", label: "login link" });
  assertEquals(tokens.authenticate(token)?.label, "login link");
  assertEquals(info.ephemeral, true);
  clock.ms += 120_000;
  tokens.authenticate(token);
  assertEquals(store.puts, 0);
  assertEquals(testAccess({ memory: store.restarted() }).tokens.authenticate(token), undefined);
  await tokens.revoke(info.id);
  assertEquals(tokens.authenticate(token), undefined);
  assertEquals(store.puts, 0);
});

Deno.test("tokens differ, and so do their ids", () => {
  const { tokens } = testAccess();
  const made = Array.from({ length: 200 }, () => tokens.ephemeral({ role: "operator" }));
  assertEquals(new Set(made.map(({ token }) => token)).size, 200);
  assertNotEquals(made[0]!.info.id, made[1]!.info.id);
  assertThrows(() => tokens.ephemeral({ role: "device" }), AccessError, "must name its device");
  assertEquals(new MemoryStore().puts, 0);
});

Deno.test("a session that begins behind the end of its token is ended too", async () => {
  const { tokens, clock } = testAccess();
  const revoked = await tokens.create({ role: "dashboard", label: "a", read: ["#"] });
  const expired = await tokens.create({
    role: "dashboard",
    label: "b",
    read: ["#"],
    expiresAt: clock.ms + 1_000,
  });
  await tokens.revoke(revoked.info.id);
  clock.ms += 2_000;
  const ended: string[] = [];
  tokens.onRevoked(revoked.info.id, () => ended.push("revoked"));
  tokens.onRevoked(expired.info.id, () => ended.push("expired"));
  tokens.onRevoked(expired.info.id, () => ended.push("stopped"))();
  assertEquals(ended, []);
  await nextTurn();
  assertEquals(ended, ["revoked", "expired"]);
});

import { assert, assertEquals, assertRejects } from "@std/assert";
import { AccessError } from "../../access/errors.ts";
import { testAccess } from "./support.ts";

Deno.test("adding a device makes a token bound to its own topics", async () => {
  const { devices, tokens } = testAccess();
  const { device, token } = await devices.add("pump-1", { description: "in the cellar" });
  assertEquals([device.name, device.description, device.revokedAt], ["pump-1", "in the cellar", null]);
  const principal = tokens.authenticate(token)!;
  assertEquals([principal.role, principal.device, principal.read], ["device", "pump-1", ["pump-1/#"]]);
  assert(devices.active("pump-1"));
});

Deno.test("a name that breaks the rules, or is taken, is refused", async () => {
  const { devices } = testAccess();
  for (const name of ["", "a/b", "../x", "-a", "a b", "x".repeat(65), "a+", "__proto__"]) {
    assertEquals((await assertRejects(() => devices.add(name), AccessError)).problem, "invalid");
  }
  await devices.add("constructor");
  assertEquals((await assertRejects(() => devices.add("constructor"), AccessError)).problem, "conflict");
  const long = await assertRejects(() => devices.add("b", { description: "x".repeat(257) }), AccessError);
  assertEquals(long.field, "description");
});

Deno.test("two requests for the same name at once make one device", async () => {
  const { devices } = testAccess();
  const results = await Promise.allSettled([devices.add("a"), devices.add("a")]);
  assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected"]);
});

Deno.test("revoking a device ends all its tokens and sessions at once, for ever", async () => {
  const { devices, tokens, store } = testAccess();
  const first = await devices.add("a");
  const second = await tokens.create({ role: "device", device: "a" });
  const other = await devices.add("b");
  let ended = 0;
  tokens.onRevoked(first.info.id, () => ended++);
  tokens.onRevoked(second.info.id, () => ended++);
  const done = devices.revoke("a");
  assertEquals(ended, 2);
  await done;
  assertEquals(devices.active("a"), false);
  const next = testAccess({ memory: store.restarted() });
  assertEquals(next.tokens.authenticate(first.token), undefined);
  assertEquals(next.tokens.authenticate(second.token), undefined);
  assert(next.tokens.authenticate(other.token));
  assertEquals((await assertRejects(() => devices.revoke("nope"), AccessError)).problem, "not_found");
});

Deno.test("a device can be replaced, or added again after it was revoked, with a new token only", async () => {
  const { devices, tokens } = testAccess();
  const first = await devices.add("a", { description: "old" });
  const second = await devices.add("a", { replace: true });
  assertEquals(second.device.description, "old");
  assertEquals(tokens.authenticate(first.token), undefined);
  await devices.revoke("a");
  const third = await devices.add("a");
  assertEquals(tokens.authenticate(second.token), undefined);
  assert(tokens.authenticate(third.token));
});

Deno.test("a device revoked while it is being added gets no working token", async () => {
  const { devices, tokens, store } = testAccess();
  await devices.add("a");
  await devices.revoke("a");
  const gate = Promise.withResolvers<void>();
  store.hold = gate.promise;
  const adding = devices.add("a");
  const refused = assertRejects(() => adding, AccessError, "revoked while");
  store.hold = undefined;
  gate.resolve();
  // Let the device's row be stored, so that the revocation meets the token being made.
  while (!devices.active("a")) await Promise.resolve();
  await devices.revoke("a");
  await refused;
  assertEquals(tokens.list().filter((token) => token.revokedAt === null), []);
});

Deno.test("the time last seen is stored at most once a minute", async () => {
  const { devices, store, clock } = testAccess();
  await devices.add("a");
  const before = store.puts;
  for (let i = 0; i < 10; i++) devices.seen("a");
  devices.seen("unknown");
  assertEquals(store.puts, before + 1);
  clock.ms += 60_000;
  devices.seen("a");
  assertEquals(store.devices.get("a")?.lastSeenAt ?? devices.get("a")?.lastSeenAt, clock.ms);
});

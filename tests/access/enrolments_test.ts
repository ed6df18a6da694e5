import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ENROLMENT_WAIT_MS, MAX_PENDING, MAX_PENDING_PER_ADDRESS } from "../../access/enrolments.ts";
import { AccessError } from "../../access/errors.ts";
import { testAccess } from "./support.ts";

Deno.test("an approved enrolment hands the waiting device its token", async () => {
  const { enrolments, tokens } = testAccess();
  const pending = enrolments.request("sensor", "10.0.0.7:5000", "on the roof");
  assertMatch(pending.code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
  const [listed] = enrolments.list();
  assertEquals([listed?.device, listed?.code, listed?.known], ["sensor", pending.code, false]);
  await enrolments.approve(
    pending.code.toLowerCase().replace("-", " ").replaceAll("0", "o").replaceAll("1", "l"),
  );
  const outcome = await pending.outcome;
  assert(outcome.status === "approved");
  assertEquals(outcome.added.device.description, "on the roof");
  assertEquals(tokens.authenticate(outcome.added.token)?.device, "sensor");
  assertEquals(enrolments.list(), []);
});

Deno.test("rejected, withdrawn and expired enrolments end without a token", async () => {
  const { enrolments, devices, clock } = testAccess();
  const rejected = enrolments.request("a", "10.0.0.1:1");
  enrolments.reject(rejected.id);
  assertEquals(await rejected.outcome, { status: "rejected" });
  const withdrawn = enrolments.request("b", "10.0.0.1:1");
  withdrawn.withdraw();
  assertEquals(await withdrawn.outcome, { status: "withdrawn" });
  const expired = enrolments.request("c", "10.0.0.1:1");
  clock.ms += ENROLMENT_WAIT_MS;
  enrolments.sweep();
  assertEquals(await expired.outcome, { status: "expired" });
  for (const { id } of [rejected, withdrawn, expired]) {
    assertEquals((await assertRejects(() => enrolments.approve(id), AccessError)).problem, "not_found");
  }
  assertEquals(devices.list(), []);
});

Deno.test("enrolments are bounded per address and overall, and room comes back", () => {
  const { enrolments } = testAccess();
  const first = enrolments.request("d", "10.0.0.1:1");
  for (let i = 1; i < MAX_PENDING_PER_ADDRESS; i++) enrolments.request(`d${i}`, `10.0.0.1:${i}`);
  assertThrows(() => enrolments.request("e", "10.0.0.1:9"), AccessError, "this address");
  for (let i = MAX_PENDING_PER_ADDRESS; i < MAX_PENDING; i++) enrolments.request(`d${i}`, `10.0.1.${i}:1`);
  assertThrows(() => enrolments.request("e", "10.0.2.1:1"), AccessError, `${MAX_PENDING} enrolments`);
  first.withdraw();
  enrolments.request("e", "10.0.2.1:1");
});

Deno.test("an enrolment under the name of a known device needs replace, and waits on without it", async () => {
  const { enrolments, devices, tokens } = testAccess();
  const old = await devices.add("a");
  const pending = enrolments.request("a", "10.0.0.1:1");
  assertEquals(enrolments.list()[0]?.known, true);
  assertEquals((await assertRejects(() => enrolments.approve(pending.id), AccessError)).problem, "conflict");
  await enrolments.approve(pending.id, { replace: true });
  assertEquals((await pending.outcome).status, "approved");
  assertEquals(tokens.authenticate(old.token), undefined);
});

Deno.test("a device that leaves while its approval is stored leaves no valid token behind", async () => {
  const { enrolments, tokens, store, devices } = testAccess();
  const gate = Promise.withResolvers<void>();
  const pending = enrolments.request("a", "10.0.0.1:1");
  store.hold = gate.promise;
  const approving = enrolments.approve(pending.id);
  const again = await assertRejects(() => enrolments.approve(pending.id), AccessError);
  assertEquals(again.problem, "conflict");
  pending.withdraw();
  gate.resolve();
  assertEquals((await assertRejects(() => approving, AccessError)).problem, "not_found");
  assertEquals(tokens.list().filter(({ revokedAt }) => revokedAt === null), []);
  assertEquals(devices.active("a"), false);
});

Deno.test("bad names and a gateway without enrolment refuse", () => {
  assertThrows(() => testAccess().enrolments.request("a/b", "x"), AccessError, "device name");
  const { enrolments } = testAccess({ enrolment: false });
  assertThrows(() => enrolments.request("a", "x"), AccessError, "switched off");
});

/** The settings of bridges, and what of them is refused. */
import { assertEquals, assertMatch } from "@std/assert";
import { bridgeName, bridgeSchema } from "../../mqtt/bridge/config.ts";
import { errorInWords } from "../../mqtt/bridge/reasons.ts";

function problem(bridge: object): string {
  const result = bridgeSchema.safeParse({ url: "mqtt://broker", ...bridge });
  return result.success ? "" : result.error.issues.map(({ message }) => message).join("; ");
}

Deno.test("a URL alone is a bridge that sends everything", () => {
  const bridge = bridgeSchema.parse({ url: "mqtts://broker.example.org" });
  assertEquals(bridgeName(bridge), "broker.example.org:8883");
  assertEquals(bridge.rules.map(({ direction, filter }) => [direction, filter]), [["out", "#"]]);
});

Deno.test("rules that would send a message round in a circle are refused", () => {
  const out = { filter: "plant/#", topic: "shared/{topic}" };
  assertMatch(
    problem({ rules: [out, { direction: "in", filter: "shared/#", topic: "plant/{topic}" }] }),
    /would loop/,
  );
  assertEquals(
    problem({ rules: [out, { direction: "in", filter: "zigbee/#", topic: "plant/{topic}" }] }),
    "",
  );
  assertEquals(
    problem({ rules: [out, { direction: "in", filter: "shared/#", topic: "other/{topic}" }] }),
    "",
  );
});

Deno.test("what contradicts itself or is misspelt is refused", () => {
  assertMatch(problem({ url: "http://broker" }), /mqtt:\/\/HOST/);
  assertMatch(problem({ certFile: "a.pem" }), /go together/);
  assertMatch(problem({ password: "a", passwordFile: "b" }), /not both/);
  assertMatch(problem({ keepAlive: 3 }), /keepAlive/);
  assertMatch(problem({ rules: [{ filter: "a/#/b" }] }), /'#' must fill the last/);
});

Deno.test("errors of connecting are told in words", () => {
  const coded = (code: string | number, message = "") =>
    errorInWords(Object.assign(new Error(message), { code }));
  assertMatch(coded(5), /not authorised/);
  assertMatch(coded(134), /wrong user name or password/);
  assertMatch(coded(132), /set version to 4/);
  assertMatch(coded("ECONNREFUSED"), /nothing listens there/);
  assertMatch(coded("CERT_HAS_EXPIRED", "certificate has expired"), /has expired/);
  assertMatch(coded("", "invalid peer certificate: UnknownIssuer"), /set caFile/);
});

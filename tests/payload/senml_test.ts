import { assertEquals, assertThrows } from "@std/assert";
import { encode as cbor } from "cborg";
import { decode } from "../../payload/decode.ts";
import { encode } from "../../payload/encode.ts";
import { numbers } from "../../payload/numbers.ts";
import { PayloadError } from "../../payload/payload.ts";

const json = (pack: unknown) =>
  decode({ encoding: "senml+json" }, new TextEncoder().encode(JSON.stringify(pack)));
/** Without the class, for comparison. */
const bare = (records: unknown) => (records as object[]).map((record) => ({ ...record }));

Deno.test("decode resolves base name, time, unit, value and sum of a SenML pack until they are set anew", () => {
  const records = json([
    { bn: "urn:dev:a:", bt: 1_320_067_464, bu: "A", bv: 10, n: "voltage", u: "V", v: 0.5 },
    { n: "current", t: -5, v: 1.5 },
    { n: "current", t: -4 },
    { bn: "urn:dev:b", bt: 0, bv: 0, bs: 100, s: 2, ut: 30 },
  ]);
  assertEquals(bare(records), [
    { name: "urn:dev:a:voltage", time: 1_320_067_464, unit: "V", value: 10.5 },
    { name: "urn:dev:a:current", time: 1_320_067_459, unit: "A", value: 11.5 },
    { name: "urn:dev:a:current", time: 1_320_067_460, unit: "A", value: 10 },
    { name: "urn:dev:b", time: 0, unit: "A", value: 0, sum: 102, updateTime: 30 },
  ]);
});

Deno.test("decode reads text, booleans and data of a SenML pack, and records of base fields alone", () => {
  const records = json([{ bn: "d:" }, { n: "s", vs: "on" }, { n: "b", vb: true }, { n: "x", vd: "-_8" }]);
  assertEquals(bare(records), [
    { name: "d:s", value: "on" },
    { name: "d:b", value: true },
    { name: "d:x", value: new Uint8Array([0xfb, 0xff]) },
  ]);
});

Deno.test("decode reads the integer labels of SenML in CBOR, negative ones for the base fields", () => {
  const pack = [
    new Map<number, unknown>([[-2, "d:"], [-3, 1000], [-4, "Cel"], [-1, 10], [0, "t"], [6, 2], [2, 23.5]]),
    new Map<number, unknown>([[0, "raw"], [8, new Uint8Array([1, 2])], [1, "B"], [99, "unknown"]]),
  ];
  assertEquals(bare(decode({ encoding: "senml+cbor" }, cbor(pack))), [
    { name: "d:t", time: 1002, unit: "Cel", value: 23.5 },
    { name: "d:raw", time: 1000, unit: "B", value: new Uint8Array([1, 2]) },
  ]);
});

for (
  const [what, pack] of [
    ["no array", { n: "a", v: 1 }],
    ["a record that is no object", [1]],
    ["no name", [{ v: 1 }]],
    ["no value", [{ n: "a" }]],
    ["two values", [{ n: "a", v: 1, vs: "x" }]],
    ["a newer version", [{ bver: 11, n: "a", v: 1 }]],
    ["a field that must be understood", [{ n: "a", v: 1, secret_: 1 }]],
    ["a value of the wrong type", [{ n: "a", v: "1" }]],
    ["a boolean of the wrong type", [{ n: "a", vb: 1 }]],
    ["data that is not base64url", [{ n: "a", vd: "%%" }]],
  ] as const
) {
  Deno.test(`decode refuses a SenML pack with ${what}`, () => {
    assertThrows(() => json(pack), PayloadError);
  });
}

Deno.test("encode writes SenML from resolved records and from RFC 8428's own labels, in JSON and CBOR", () => {
  const resolved = [{ name: "t", unit: "Cel", value: 23.5, time: 5 }, {
    name: "d",
    value: new Uint8Array([255]),
  }];
  const wire = [{ n: "t", u: "Cel", v: 23.5, t: 5 }, { n: "d", vd: "_w" }];
  for (const encoding of ["senml+json", "senml+cbor"] as const) {
    assertEquals(bare(decode({ encoding }, encode({ encoding }, resolved))), bare(resolved).map(sorted));
    assertEquals(bare(decode({ encoding }, encode({ encoding }, wire))), bare(resolved).map(sorted));
  }
  assertThrows(() => encode({ encoding: "senml+json" }, [{ name: "t" }]), PayloadError, "no value");
});

function sorted(record: object): object {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1));
}

Deno.test("numbers names SenML values by their records' names, the last of each", () => {
  const records = json([{ bn: "d:", n: "t", v: 1 }, { n: "t", v: 2 }, { n: "on", vb: true }, {
    n: "e",
    s: 7,
  }]);
  assertEquals(numbers(records), { "d:t": 2, "d:on": 1, "d:e": 7 });
});

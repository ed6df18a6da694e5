import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decode } from "../../payload/decode.ts";
import { encode } from "../../payload/encode.ts";
import { numbers } from "../../payload/numbers.ts";
import { type PayloadDescription, PayloadError } from "../../payload/payload.ts";
import { type Encoding, ENCODINGS, FIELD_TYPES, type StructField } from "../../protocol/control.ts";

/** JSON values without -0, which JSON and CBOR write as 0, and `__proto__`, which MessagePack's library refuses. */
const jsonValue = fc.jsonValue({ maxDepth: 8, depthSize: "large" }).map((value) =>
  JSON.parse(JSON.stringify(value).replaceAll("__proto__", "proto"))
);

const fields: fc.Arbitrary<StructField[]> = fc.uniqueArray(
  fc.record({
    name: fc.string({ minLength: 1, maxLength: 8 }),
    type: fc.constantFrom(...FIELD_TYPES),
    count: fc.integer({ min: 1, max: 5 }),
  }),
  { minLength: 1, maxLength: 12, selector: (field) => field.name },
);

function fieldValue(type: StructField["type"]): fc.Arbitrary<unknown> {
  if (type === "bool") return fc.boolean();
  if (type === "f32") return fc.float();
  if (type === "f64") return fc.double();
  const bits = Number(type.slice(1));
  const [min, max] = type.startsWith("u")
    ? [0n, 2n ** BigInt(bits) - 1n]
    : [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n];
  return fc.bigInt({ min, max }).map((value) =>
    Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  );
}

const struct = fields.chain((list) =>
  fc.tuple(
    ...list.map(({ type, count }) =>
      count === 1 ? fieldValue(type) : fc.array(fieldValue(type), { minLength: count!, maxLength: count! })
    ),
  ).map((values) => ({
    fields: list,
    value: Object.fromEntries(values.map((value, i) => [list[i]!.name, value])),
  }))
);

Deno.test("a struct of any fields comes back as it went", () => {
  fc.assert(fc.property(struct, ({ fields, value }) => {
    assertEquals(
      decode({ encoding: "struct", fields }, encode({ encoding: "struct", fields }, value)),
      value,
    );
  }));
});

Deno.test("any JSON value comes back as it went from JSON, CBOR and MessagePack", () => {
  fc.assert(
    fc.property(jsonValue, fc.constantFrom<Encoding>("json", "cbor", "msgpack"), (value, encoding) => {
      assertEquals(decode({ encoding }, encode({ encoding }, value)), value);
    }),
  );
});

Deno.test("any text and any floats come back as they went", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assertEquals(decode({ encoding: "utf8" }, encode({ encoding: "utf8" }, text)), text);
  }));
  fc.assert(fc.property(fc.array(fc.float()), fc.array(fc.double()), (f32, f64) => {
    const alone = (list: number[]) => list.length === 1 ? list[0] : list;
    assertEquals(decode({ encoding: "f32" }, encode({ encoding: "f32" }, f32)), alone(f32));
    assertEquals(decode({ encoding: "f64" }, encode({ encoding: "f64" }, f64)), alone(f64));
  }));
});

/** Calls `run`; only a PayloadError may come out of it. */
function refusesOnly(run: () => void): void {
  try {
    run();
  } catch (error) {
    assert(error instanceof PayloadError, `expected PayloadError, got ${(error as Error).stack}`);
    assert(error.message.length < 500, "the message is bounded");
  }
}

const description: fc.Arbitrary<PayloadDescription> = fc.record({
  encoding: fc.constantFrom(...ENCODINGS),
  fields: fc.option(fields, { nil: undefined }),
});

/** Bytes in which heads of containers, strings and extensions are frequent. */
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.array(
    fc.constantFrom(
      0x81,
      0x9f,
      0xbf,
      0xff,
      0x5f,
      0x7f,
      0xc2,
      0xd8,
      0xdc,
      0xdd,
      0xde,
      0xdf,
      0xc9,
      0xdb,
      0xf7,
      0xfb,
      0,
    ),
    { maxLength: 200 },
  ).map((list) => Uint8Array.from(list)),
  fc.string().map((text) => new TextEncoder().encode(text)),
);

Deno.test("decode throws nothing but PayloadError on any bytes, and numbers takes whatever it gives", () => {
  fc.assert(
    fc.property(description, hostile, (description, bytes) => {
      refusesOnly(() => {
        const found = numbers(decode(description, bytes));
        assert(Object.values(found).every(Number.isFinite));
      });
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("decode throws nothing but PayloadError on a valid payload cut anywhere", () => {
  fc.assert(
    fc.property(jsonValue, fc.constantFrom<Encoding>("json", "cbor", "msgpack"), (value, encoding) => {
      const bytes = encode({ encoding }, value);
      for (let end = 0; end < Math.min(bytes.length, 200); end++) {
        refusesOnly(() => decode({ encoding }, bytes.subarray(0, end)));
      }
    }),
  );
});

Deno.test("encode throws nothing but PayloadError on any value", () => {
  fc.assert(
    fc.property(
      description,
      fc.anything({ withBigInt: true, withMap: true, withTypedArray: true }),
      (d, value) => {
        refusesOnly(() => encode(d, value));
      },
    ),
    { numRuns: 2_000 },
  );
});

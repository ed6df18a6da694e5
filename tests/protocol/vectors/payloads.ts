/**
 * Golden vectors of the payload encodings, all by hand.
 *
 * @module
 */
import type { Encoding, StructField } from "../../../protocol/control.ts";

/** A payload with its value, or one that does not fit its encoding. Bytes in a value are `{"$bytes": hex}`. */
export type PayloadVector =
  & { name: string; encoding: Encoding; fields?: StructField[]; bytes: string }
  & ({ value: unknown } | { error: true });

const every: StructField[] = [
  { name: "u8", type: "u8" },
  { name: "i8", type: "i8" },
  { name: "u16", type: "u16" },
  { name: "i16", type: "i16" },
  { name: "u32", type: "u32" },
  { name: "i32", type: "i32" },
  { name: "u64", type: "u64" },
  { name: "i64", type: "i64" },
  { name: "f32", type: "f32" },
  { name: "f64", type: "f64" },
  { name: "bool", type: "bool" },
  { name: "three", type: "i16", count: 3 },
];

/** All payloads. */
export const PAYLOADS: PayloadVector[] = [
  { name: "raw", encoding: "raw", bytes: "00ff10", value: { $bytes: "00ff10" } },
  { name: "text", encoding: "utf8", bytes: "32312e3520c2b043", value: "21.5 °C" },
  { name: "text that is not UTF-8", encoding: "utf8", bytes: "c328", error: true },
  { name: "one f32", encoding: "f32", bytes: "0000c03f", value: 1.5 },
  { name: "three f32", encoding: "f32", bytes: "0000c03f000000c000000000", value: [1.5, -2, 0] },
  { name: "an f32 that is cut", encoding: "f32", bytes: "0000c0", error: true },
  { name: "one f64", encoding: "f64", bytes: "9a9999999999b93f", value: 0.1 },
  { name: "no f64 at all", encoding: "f64", bytes: "", value: [] },
  {
    name: "the example of the specification",
    encoding: "struct",
    fields: [{ name: "rpm", type: "u16" }, { name: "on", type: "bool" }],
    bytes: "b80b01",
    value: { rpm: 3000, on: true },
  },
  {
    name: "a struct of every type",
    encoding: "struct",
    fields: every,
    bytes: "ff80ffff0080ffffffff00000080" + "ffffffffffffffff" + "0000000000000080" + "0000c03f" +
      "9a9999999999b93f" + "00" + "0100feff0300",
    value: {
      u8: 255,
      i8: -128,
      u16: 65_535,
      i16: -32_768,
      u32: 4_294_967_295,
      i32: -2_147_483_648,
      u64: "18446744073709551615",
      i64: "-9223372036854775808",
      f32: 1.5,
      f64: 0.1,
      bool: false,
      three: [1, -2, 3],
    },
  },
  {
    name: "64-bit integers that doubles hold",
    encoding: "struct",
    fields: [{ name: "u", type: "u64" }, { name: "i", type: "i64" }],
    bytes: "ffffffffffff1f00" + "010000000000e0ff",
    value: { u: 9_007_199_254_740_991, i: -9_007_199_254_740_991 },
  },
  {
    name: "a struct that is cut",
    encoding: "struct",
    fields: [{ name: "a", type: "u16" }],
    bytes: "01",
    error: true,
  },
  {
    name: "a struct with something behind it",
    encoding: "struct",
    fields: [{ name: "a", type: "u16" }],
    bytes: "010203",
    error: true,
  },
  { name: "JSON", encoding: "json", bytes: "7b2261223a5b312c2d322e355d7d", value: { a: [1, -2.5] } },
  { name: "JSON that is cut", encoding: "json", bytes: "7b2261", error: true },
  { name: "JSON 65 deep", encoding: "json", bytes: "5b".repeat(65) + "5d".repeat(65), error: true },
  { name: "CBOR", encoding: "cbor", bytes: "a261618201246162f6", value: { a: [1, -5], b: null } },
  {
    name: "CBOR floats of every size",
    encoding: "cbor",
    bytes: "83f93e00fa3fc00000fb3fb999999999999a",
    value: [1.5, 1.5, 0.1],
  },
  { name: "CBOR of unknown length", encoding: "cbor", bytes: "9f01bf6161f5ffff", value: [1, { a: true }] },
  {
    name: "CBOR bytes and an integer key",
    encoding: "cbor",
    bytes: "a10743010203",
    value: { "7": { $bytes: "010203" } },
  },
  { name: "CBOR with a tag", encoding: "cbor", bytes: "c11a6553f100", value: 1_700_000_000 },
  { name: "CBOR 65 deep", encoding: "cbor", bytes: "81".repeat(65) + "01", error: true },
  {
    name: "CBOR that announces more than there is",
    encoding: "cbor",
    bytes: "9b0000000100000000",
    error: true,
  },
  { name: "two CBOR items", encoding: "cbor", bytes: "0101", error: true },
  { name: "MessagePack", encoding: "msgpack", bytes: "82a1619201fba162c0", value: { a: [1, -5], b: null } },
  {
    name: "MessagePack numbers",
    encoding: "msgpack",
    bytes: "95ccffcd0100d1ff00ca3fc00000cb3fb999999999999a",
    value: [255, 256, -256, 1.5, 0.1],
  },
  {
    name: "MessagePack text, bytes and booleans",
    encoding: "msgpack",
    bytes: "94a26f6bc403010203c3c2",
    value: ["ok", { $bytes: "010203" }, true, false],
  },
  {
    name: "MessagePack that announces more than there is",
    encoding: "msgpack",
    bytes: "ddffffffff01",
    error: true,
  },
  { name: "two MessagePack objects", encoding: "msgpack", bytes: "0101", error: true },
  {
    name: "SenML in JSON",
    encoding: "senml+json",
    // [{"bn":"d:","bt":1000,"bu":"V","n":"u","v":120.5},{"n":"i","u":"A","t":-5,"v":1.5},{"n":"on","vb":true}]
    bytes:
      "5b7b22626e223a22643a222c226274223a313030302c226275223a2256222c226e223a2275222c2276223a3132302e357d" +
      "2c7b226e223a2269222c2275223a2241222c2274223a2d352c2276223a312e357d2c7b226e223a226f6e222c227662223a747275657d5d",
    value: [
      { name: "d:u", time: 1000, unit: "V", value: 120.5 },
      { name: "d:i", time: 995, unit: "A", value: 1.5 },
      { name: "d:on", time: 1000, unit: "V", value: true },
    ],
  },
  {
    name: "SenML in CBOR",
    encoding: "senml+cbor",
    // [{-2: "d:", -3: 1000, 0: "u", 1: "V", 2: 1.5}, {0: "n", 2: -5}]
    bytes: "82a52162643a221903e8006175016156" + "02f93e00" + "a200616e0224",
    value: [
      { name: "d:u", time: 1000, unit: "V", value: 1.5 },
      { name: "d:n", time: 1000, value: -5 },
    ],
  },
  { name: "SenML without a name", encoding: "senml+json", bytes: "5b7b2276223a317d5d", error: true },
];

import { assertEquals, assertNotEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { APPLICATION_DATA, RecordReader, RecordWriter } from "../../rtc/dtls_records.ts";

const EPOCH = 1;
const KEYS = {
  algorithm: "aes-128-gcm",
  key: Buffer.from("000102030405060708090a0b0c0d0e0f", "hex"),
  implicitNonce: Buffer.from("a0a1a2a3", "hex"),
} as const;

Deno.test("a record is what RFC 5288 makes of its content", () => {
  const record = new RecordWriter(KEYS).write(Buffer.from("tidegate"), EPOCH, 258);
  // by python3-cryptography: AESGCM(key).encrypt(nonce, b"tidegate", epoch || number || 23 || fefd || 8)
  assertEquals(
    record.toString("hex"),
    "17fefd00010000000001020020" + "0001000000000102" + "0e2fb7906200b125e66b7078ac2a6e1ca5d4c182d6765b57",
  );
});

Deno.test("a reader reads what a writer wrote, and nothing that was touched", () => {
  const writer = new RecordWriter(KEYS);
  const reader = new RecordReader(KEYS);
  for (const length of [0, 1, 15, 16, 17, 1_100]) {
    const content = Buffer.alloc(length, length);
    const record = writer.write(content, EPOCH, length + 1);
    assertEquals(record[0], APPLICATION_DATA);
    assertEquals(reader.takes(record, EPOCH), true);
    assertEquals(reader.read(record), content);
    for (const at of [4, 10, 13, 20, record.length - 1]) {
      const touched = Buffer.from(record);
      touched[at]! ^= 1;
      assertEquals(reader.read(touched), undefined, `byte ${at} of ${record.length}`);
    }
  }
});

Deno.test("a reader takes whole records of data of its epoch alone", () => {
  const record = new RecordWriter(KEYS).write(Buffer.from("x"), EPOCH, 1);
  const reader = new RecordReader(KEYS);
  const handshake = Buffer.from(record);
  handshake[0] = 22;
  assertEquals(reader.takes(handshake, EPOCH), false);
  assertEquals(reader.takes(record, EPOCH + 1), false);
  assertEquals(reader.takes(record.subarray(0, record.length - 1), EPOCH), false);
  assertEquals(reader.takes(Buffer.concat([record, record]), EPOCH), false);
  for (let length = 0; length < record.length; length++) {
    assertEquals(reader.takes(record.subarray(0, length), EPOCH), false);
  }
  assertEquals(reader.takes(record, EPOCH), true);
});

Deno.test("two records with different numbers have nothing in common", () => {
  const writer = new RecordWriter(KEYS);
  const encrypted = (number: number) =>
    writer.write(Buffer.alloc(64), EPOCH, number).subarray(21).toString("hex");
  assertNotEquals(encrypted(1), encrypted(2));
});

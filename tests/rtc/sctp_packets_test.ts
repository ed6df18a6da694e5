import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { crc32c } from "werift";
import {
  DATA,
  type DataChunk,
  packetBytes,
  readPacket,
  SACK,
  type SackChunk,
  writePacket,
} from "../../rtc/sctp_packets.ts";

const ENDS = { localPort: 5_000, remotePort: 5_001, tag: 0xdeadbeef };

function data(text: string): DataChunk {
  return {
    type: DATA,
    flags: 7,
    tsn: 0xfffffffe,
    streamId: 2,
    streamSeqNum: 3,
    protocol: 53,
    userData: Buffer.from(text),
  };
}

const ACK: SackChunk = { type: SACK, cumulativeTsn: 77, advertisedRwnd: 1_048_576, gaps: [], duplicates: [] };

function packet(...chunks: (DataChunk | SackChunk)[]): Buffer {
  const bytes = Buffer.alloc(packetBytes(chunks), 0xff); // what was there before shows nowhere
  writePacket(bytes, ENDS, chunks, crc32c);
  return bytes;
}

Deno.test("a packet reads as it was written, whatever its padding", () => {
  for (const text of ["a", "ab", "abc", "abcd", "abcde"]) {
    const bytes = packet(ACK, data(text));
    assertEquals(bytes.length % 4, 0);
    assertEquals(readPacket(bytes, ENDS.tag, crc32c), [ACK, data(text)]);
    assertEquals(readPacket(bytes, ENDS.tag, crc32c), [ACK, data(text)], "a second reading finds the same");
  }
});

Deno.test("a packet is what RFC 9260 sections 3 and 3.3.1 say", () => {
  const bytes = packet(data("abc"));
  const checksum = bytes.readUInt32LE(8);
  assertEquals(bytes.toString("hex", 0, 8), "13881389deadbeef");
  assertEquals(bytes.toString("hex", 12), "00070013fffffffe000200030000003561626300");
  bytes.writeUInt32LE(0, 8);
  assertEquals(checksum, crc32c(bytes));
});

Deno.test("an acknowledgement tells the blocks behind a hole", () => {
  const holes: SackChunk = { ...ACK, gaps: [[2, 3], [6, 9]] };
  assertEquals(readPacket(packet(holes), ENDS.tag, crc32c), [holes]);
  assertEquals(
    packet({ ...holes, duplicates: [5] }).toString("hex", 24),
    "0002000100020003000600090000" + "0005",
  );
});

Deno.test("a packet to another, with other chunks or with an error is left to others", () => {
  const bytes = packet(ACK, data("abc"));
  assertEquals(readPacket(bytes, 1, crc32c), undefined);
  for (let at = 4; at < bytes.length; at++) {
    const touched = Buffer.from(bytes);
    touched[at]! ^= 0x10;
    assertEquals(readPacket(touched, ENDS.tag, crc32c), undefined, `byte ${at}`);
  }
  for (let length = 0; length < bytes.length; length++) {
    assertEquals(readPacket(Buffer.from(bytes.subarray(0, length)), ENDS.tag, crc32c), undefined);
  }
});

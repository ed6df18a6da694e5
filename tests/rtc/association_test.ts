/** What is changed in werift's SCTP, on stand-ins with its fields. */
import { assertEquals } from "@std/assert";
import { CongestionFloor } from "../../rtc/congestion.ts";
import { emptyRetransmissions } from "../../rtc/retransmission.ts";

const STATE = [3, 2, 9, 9, 9];
const CONFIRMATION = [4, 2, 9];
const WHOLE = 3;

function chunk(userData: number[], flags = WHOLE, streamId = 5) {
  return { flags, streamId, userData: Uint8Array.from(userData) };
}

Deno.test("state that SCTP is about to send again is emptied, and nothing else", () => {
  const asked: object[] = [];
  const association = {
    maybeAbandon(chunk: object): boolean {
      asked.push(chunk);
      return false;
    },
  };
  emptyRetransmissions(association, 5);
  const chunks = [
    chunk(STATE),
    chunk(CONFIRMATION),
    chunk(STATE, 0b10), // the first packet of several
    chunk(STATE, WHOLE, 7), // another channel
  ];
  assertEquals(chunks.map((one) => association.maybeAbandon(one)), chunks.map(() => false));
  assertEquals(asked, chunks);
  assertEquals(chunks.map(({ userData }) => [...userData]), [[3, 1], CONFIRMATION, STATE, STATE]);
});

Deno.test("an association lets as much be under way as its lane does, and its own window where that is larger", () => {
  const association = { cwnd: 3_480 };
  const floor = new CongestionFloor(association);
  assertEquals(association.cwnd, 3_480);
  floor.bytes = 20_000;
  assertEquals(association.cwnd, 24_800);
  association.cwnd = 1_160;
  assertEquals(association.cwnd, 24_800);
  association.cwnd = 50_000;
  assertEquals(association.cwnd, 50_000);
});

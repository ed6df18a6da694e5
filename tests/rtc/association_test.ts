/** What is changed in werift's SCTP, on stand-ins with its fields. */
import { assertEquals } from "@std/assert";
import { CongestionFloor } from "../../rtc/congestion.ts";
import { emptyRetransmissions } from "../../rtc/retransmission.ts";

const STATE = [3, 2, 9, 9, 9];
const CONFIRMATION = [4, 2, 9];
const WHOLE = 3;

/** An association that keeps what it sends. */
class Association {
  sent: number[][] = [];
  sendChunk(chunk: { userData?: Uint8Array }): Promise<void> {
    this.sent.push([...chunk.userData ?? []]);
    return Promise.resolve();
  }
}

function chunk(userData: number[], sentCount: number, flags = WHOLE, streamId = 5) {
  return { flags, streamId, sentCount, userData: Uint8Array.from(userData) };
}

Deno.test("state that SCTP sends again is emptied, and nothing else", async () => {
  const association = new Association();
  emptyRetransmissions(association, 5);
  const chunks = [
    chunk(STATE, 1),
    chunk(STATE, 2),
    chunk(CONFIRMATION, 2),
    chunk(STATE, 2, 0b10), // the first packet of several
    chunk(STATE, 2, WHOLE, 7), // another channel
  ];
  for (const one of chunks) await association.sendChunk(one);
  await association.sendChunk({}); // not data
  assertEquals(association.sent, [STATE, [3, 1], CONFIRMATION, STATE, STATE, []]);
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

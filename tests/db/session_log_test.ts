import { assertEquals } from "@std/assert";
import type { Change } from "../../db/messages.ts";
import { SessionRecords } from "../../db/session_log.ts";
import type { SessionTotals } from "../../hub/session_log.ts";

function opened() {
  const changes: Change[] = [];
  const records = new SessionRecords({ push: (change) => void changes.push(change) }, "g.1", 1, () => 1);
  const record = records.open({
    role: "device",
    tokenId: "t",
    label: "l",
    remote: "r",
    transport: "websocket",
  });
  return { record, written: () => changes.filter(({ kind }) => kind === "totals").length };
}

const TOTALS: SessionTotals = {
  framesIn: 1,
  framesOut: 1,
  bytesIn: 1,
  bytesOut: 1,
  samplesIn: 1,
  samplesOut: 1,
  drops: {},
};

Deno.test("totals that are as they were are not written again", () => {
  const { record, written } = opened();
  for (let i = 0; i < 3; i++) record.totals({ ...TOTALS, drops: {} });
  assertEquals(written(), 1);
});

Deno.test("totals are written when any of them has changed", () => {
  const { record, written } = opened();
  const changed: SessionTotals[] = [
    TOTALS,
    { ...TOTALS, framesIn: 2 },
    { ...TOTALS, framesOut: 2 },
    { ...TOTALS, bytesIn: 2 },
    { ...TOTALS, bytesOut: 2 },
    { ...TOTALS, samplesIn: 2 },
    { ...TOTALS, samplesOut: 2 },
    { ...TOTALS, roundTripUs: 5 },
    { ...TOTALS, drops: { slow: 1 } },
    { ...TOTALS, drops: { slow: 2 } },
    { ...TOTALS, drops: { late: 2 } },
    { ...TOTALS, drops: { late: 2, slow: 1 } },
    TOTALS,
  ];
  for (const totals of changed) record.totals(totals);
  assertEquals(written(), changed.length);
});

Deno.test("totals of a session that is over are not written", () => {
  const { record, written } = opened();
  record.close("normal", TOTALS);
  record.totals(TOTALS);
  assertEquals(written(), 0);
});

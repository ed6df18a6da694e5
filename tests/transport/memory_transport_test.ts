import { assertEquals } from "@std/assert";
import { CLOSE } from "../../protocol/close_codes.ts";
import { LoopGroup } from "../../transport/loop_group.ts";
import type { TransportClosed } from "../../transport/transport.ts";
import { memoryPair, type MemoryTransport } from "../support/memory_transport.ts";

function listen(end: MemoryTransport) {
  const got: (string | Uint8Array)[] = [];
  const closed: TransportClosed[] = [];
  end.listen({
    binary: (bytes) => void got.push(bytes.slice()),
    text: (text) => void got.push(text),
    closed: (info) => void closed.push(info),
  });
  return { got, closed };
}

Deno.test("a memory transport holds messages until the test delivers them", () => {
  const { near, far } = memoryPair();
  const { got } = listen(far);
  near.send("one");
  near.send(new Uint8Array([2]));
  assertEquals([got, near.bufferedBytes], [[], 4]);
  assertEquals(far.deliver(1), 1);
  assertEquals(got, ["one"]);
  far.deliver();
  assertEquals(got, ["one", new Uint8Array([2])]);
  assertEquals(near.traffic, { framesIn: 0, framesOut: 2, bytesIn: 0, bytesOut: 4 });
});

Deno.test("a memory transport copies what it is lent and spoils what it lends", () => {
  const { near, far } = memoryPair();
  let kept: Uint8Array | undefined;
  far.listen({ binary: (bytes) => void (kept = bytes), text() {}, closed() {} });
  const lent = new Uint8Array([1]);
  near.send(lent);
  lent[0] = 9;
  assertEquals(far.inbound[0]?.message, new Uint8Array([1]));
  far.deliver();
  assertEquals(kept, new Uint8Array([0xee]));
});

Deno.test("a memory transport refuses when it is told to, when it is full and when it is closed", () => {
  const { near, far } = memoryPair({ maxBufferedBytes: 5 });
  assertEquals([near.send("123456"), near.send("7")], [true, false]);
  far.drop();
  near.refusing = true;
  assertEquals(near.send("x"), false);
  near.refusing = false;
  near.extraBufferedBytes = 6;
  assertEquals(near.send("x"), false);
  near.extraBufferedBytes = 0;
  near.close(CLOSE.normal);
  assertEquals(near.send("x"), false);
});

Deno.test("a memory transport tells both ends once of a close, after what was sent before", async () => {
  const { near, far } = memoryPair();
  const atNear = listen(near);
  const atFar = listen(far);
  near.send("last");
  near.close(CLOSE.idle);
  near.close(CLOSE.normal);
  assertEquals(atNear.closed, []);
  await Promise.resolve();
  assertEquals(atFar.got, ["last"]);
  assertEquals([atNear.closed, atFar.closed], [[{ code: 4000, reason: "idle" }], [{
    code: 4000,
    reason: "idle",
  }]]);
});

Deno.test("a loop group lets go of members that closed and names those that refused", () => {
  const [a, b, c] = [memoryPair(), memoryPair(), memoryPair()];
  const group = new LoopGroup();
  for (const { near } of [a, b, c]) group.add(near);
  group.add(a.near);
  assertEquals(group.size, 3);
  b.near.refusing = true;
  c.near.close(CLOSE.normal);
  assertEquals(group.send(new Uint8Array([1])), [b.near, c.near]);
  assertEquals([group.size, a.far.inbound.length], [2, 1]);
});

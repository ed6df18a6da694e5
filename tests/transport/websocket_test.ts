import { assertEquals } from "@std/assert";
import { CLOSE } from "../../protocol/close_codes.ts";
import { LoopGroup } from "../../transport/loop_group.ts";
import type { Accept, TransportClosed, TransportHandlers } from "../../transport/transport.ts";
import { cutReason } from "../../transport/guarded.ts";
import { WebSocketTransport } from "../../transport/websocket.ts";

/** A socket that goes nowhere and ends inside `shut`, as Bun's does. */
class FakeSocket extends WebSocketTransport {
  readonly shuts: [number, string][] = [];
  readonly faults: string[];
  bufferedBytes = 0;

  constructor() {
    const faults: string[] = [];
    super("192.0.2.1:1", {
      maxMessageBytes: 10,
      maxBufferedBytes: 100,
      onFault: (error, where) => void faults.push(`${where}: ${error}`),
    });
    this.faults = faults;
  }

  protected transmit(): boolean {
    return true;
  }

  protected shut(code: number, reason: string): void {
    this.shuts.push([code, reason]);
    this.ended(code, reason);
  }

  begin(handlers: Partial<TransportHandlers>): void {
    this.opened(() => ({ binary() {}, text() {}, closed() {}, ...handlers }));
  }

  beginWith(accept: Accept): void {
    this.opened(accept);
  }

  bytes(count: number): void {
    this.receivedBytes(new Uint8Array(count));
  }

  over(code: number): void {
    this.ended(code, "");
  }
}

Deno.test("the owner is told of the end exactly once, whoever ends it and however often", async () => {
  const closed: TransportClosed[] = [];
  const socket = new FakeSocket();
  socket.begin({ closed: (info) => void closed.push(info) });
  socket.close(CLOSE.idle, "quiet");
  assertEquals(closed, [], "not inside close: the owner may be in the middle of something");
  socket.close(CLOSE.normal);
  socket.over(1006);
  await Promise.resolve();
  assertEquals(closed, [{ code: 4000, reason: "quiet" }]);
  assertEquals(socket.shuts, [[4000, "quiet"]]);
});

Deno.test("an error in any handler is told and closes with internal", () => {
  const fail = () => {
    throw new Error("oops");
  };
  const inAccept = new FakeSocket();
  inAccept.beginWith(fail);
  const inBinary = new FakeSocket();
  inBinary.begin({ binary: fail });
  inBinary.bytes(1);
  const inClosed = new FakeSocket();
  inClosed.begin({ closed: fail });
  inClosed.over(1006);
  assertEquals(inAccept.faults, ["accept: Error: oops"]);
  assertEquals(inBinary.faults, ["binary: Error: oops"]);
  assertEquals(inClosed.faults, ["closed: Error: oops"]);
  assertEquals([inAccept.shuts, inBinary.shuts], [[[4005, "internal"]], [[4005, "internal"]]]);
});

Deno.test("nothing is handed over after a close, and a too large message is not handed over at all", () => {
  let handed = 0;
  const socket = new FakeSocket();
  socket.begin({ binary: () => void handed++ });
  socket.bytes(10);
  socket.bytes(11);
  socket.bytes(1);
  assertEquals(handed, 1);
  assertEquals(socket.shuts, [[1009, "message of 11 bytes, the limit is 10"]]);
  assertEquals(socket.traffic, { framesIn: 2, framesOut: 0, bytesIn: 21, bytesOut: 0 });
});

Deno.test("send is refused above the limit and counts only what is under way", () => {
  const socket = new FakeSocket();
  socket.begin({});
  socket.bufferedBytes = 100;
  assertEquals(socket.send("ü"), true);
  socket.bufferedBytes = 101;
  assertEquals(socket.send("ü"), false);
  assertEquals(socket.traffic, { framesIn: 0, framesOut: 1, bytesIn: 0, bytesOut: 2 });
});

Deno.test("a socket leaves its groups the moment it closes", () => {
  const group = new LoopGroup();
  const [stays, closes, ends] = [new FakeSocket(), new FakeSocket(), new FakeSocket()];
  for (const socket of [stays, closes, ends]) {
    socket.begin({});
    group.add(socket);
  }
  closes.close(CLOSE.normal);
  ends.over(1006);
  assertEquals(group.size, 1);
  group.add(closes);
  assertEquals(group.size, 1);
});

Deno.test("a reason is cut to 123 bytes and never inside a character", () => {
  assertEquals(cutReason("short"), "short");
  assertEquals(cutReason("x".repeat(123)), "x".repeat(123));
  assertEquals(cutReason("x".repeat(124)), "x".repeat(123));
  assertEquals(cutReason("€".repeat(50)), "€".repeat(41));
  assertEquals(cutReason(`${"x".repeat(121)}🌊`), "x".repeat(121));
});

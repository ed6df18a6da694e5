import { assertEquals } from "@std/assert";
import { Wire } from "../../bench/load/wire.ts";
import { FakeKernel } from "./fake_kernel.ts";

Deno.test("a wire keeps what the kernel does not take and sends it in order once it does", () => {
  const kernel = new FakeKernel();
  const wire = new Wire(1, kernel, () => 0);
  const borrowed = Uint8Array.of(1, 2, 3);
  kernel.room = 2;
  wire.write(borrowed);
  borrowed.fill(9);
  wire.write(Uint8Array.of(4));
  assertEquals([kernel.sent, wire.writableLength, wire.interest.writable], [[1, 2], 2, true]);
  kernel.room = 1;
  wire.writable();
  assertEquals([wire.writableLength, wire.interest.writable], [1, true]);
  kernel.room = 10;
  wire.writable();
  assertEquals([kernel.sent, wire.writableLength, wire.interest.writable], [[1, 2, 3, 4], 0, false]);
});

Deno.test("a wire hands over a frame whole, also when it is longer than the memory for a read", () => {
  const kernel = new FakeKernel();
  const frames: number[][] = [];
  // The first byte of a frame is its length.
  const wire = new Wire(1, kernel, (bytes, from, to) => {
    let at = from;
    while (at < to && at + bytes[at]! <= to) frames.push([...bytes.slice(at, at += bytes[at]!)]);
    return at;
  });
  const long = [200, ...Array.from({ length: 199 }, (_, i) => i)];
  const stream = Uint8Array.from([2, 7, ...long, 3, 8, 9]);
  for (let at = 0; at < stream.length; at += 30) kernel.arriving.push(stream.slice(at, at + 30));
  let reads = 0;
  while (kernel.arriving.length > 0) assertEquals(wire.readable(() => reads++), true);
  assertEquals(frames, [[2, 7], long, [3, 8, 9]]);
  assertEquals(reads >= 7, true);
});

Deno.test("a wire tells that the connection has ended", () => {
  const kernel = new FakeKernel();
  kernel.arriving.push(new Uint8Array(0));
  assertEquals(new Wire(1, kernel, () => 0).readable(() => {}), false);
});

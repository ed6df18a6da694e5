import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ProtocolError } from "../../protocol/errors.ts";
import { STATE_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { confirmedNumbers, decodeConfirmation, encodeConfirmation } from "../../protocol/state_frame.ts";
import type { StateStream } from "../../protocol/state_stream.ts";
import { type Fate, FEED, LaneNetwork } from "../support/lane_network.ts";

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 10, arbitrary: fc.constant([]) },
  { weight: 9, arbitrary: fc.tuple(fc.integer({ min: 0, max: 30 })) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 30 }).map((extraMs) => [extraMs, extraMs + 5]) },
);

/** A lane whose values tell their offset. */
class Link extends LaneNetwork {
  readonly stream: StateStream;
  /** Channel to offset, as the receiver has it. */
  readonly held = new Map<number, number>();
  readonly arrivals: { channel: number; offset: number; atMs: number }[] = [];

  constructor(delayMs: number, maxHz?: number) {
    super(delayMs);
    this.stream = this.sender.stream(FEED, maxHz);
  }

  put(channel: number, offset: number, size = 8): void {
    this.stream.put(channel, offset, 1_000_000 + this.ms * 1_000, new Uint8Array(size).fill(offset));
  }

  protected arrived(channel: number, offset: number, payload: Uint8Array): void {
    assert(payload.every((byte) => byte === offset % 256));
    if (offset <= (this.held.get(channel) ?? 0)) return;
    this.held.set(channel, offset);
    this.arrivals.push({ channel, offset, atMs: this.ms });
  }
}

Deno.test("state converges within two round trips and an interval once the network lets messages through", () => {
  fc.assert(
    fc.property(
      fc.array(fate, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 80 }),
      fc.array(
        fc.record({ channel: fc.integer({ min: 1, max: 40 }), waitMs: fc.integer({ min: 0, max: 15 }) }),
        {
          minLength: 1,
          maxLength: 120,
        },
      ),
      (fates, delayMs, puts) => {
        const link = new Link(delayMs);
        link.advance(3 * delayMs + 500); // the round trip is known
        link.fates = fates;
        const newest = new Map<number, number>();
        for (const { channel, waitMs } of puts) {
          const offset = (newest.get(channel) ?? 0) + 1;
          newest.set(channel, offset);
          link.put(channel, offset);
          link.advance(waitMs);
        }
        link.advance(300);
        link.fates = [];
        // what was sent last is given up after a round trip and its variation, and then needs half a one
        link.advance(Math.ceil(link.sender.health.timeoutMs) + delayMs + 45);
        assertEquals([...link.held].sort(), [...newest].sort());
      },
    ),
    { numRuns: 150 },
  );
});

Deno.test("a loss-free lane sends each value once and falls silent when all is confirmed", () => {
  const link = new Link(20);
  link.advance(400);
  const before = link.sender.health.sent;
  for (let i = 1; i <= 20; i++) {
    link.put(1, i);
    link.advance(50);
  }
  link.advance(200);
  assertEquals(link.arrivals.length, 20);
  assert(
    link.sender.health.sent - before <= 45,
    `${link.sender.health.sent - before} messages for 20 values`,
  );
  const after = link.sender.health.sent;
  link.advance(2_000);
  assertEquals(link.sender.health.sent - after <= 1, true);
  assertEquals(link.sender.health.lost, 0);
});

Deno.test("a message is filled to the limit and a large sample goes by itself", () => {
  const link = new Link(1);
  link.advance(300);
  link.sent = [];
  for (let channel = 1; channel <= 100; channel++) link.put(channel, 1, 60);
  link.put(500, 1, 6_000);
  link.advance(50);
  assertEquals(link.held.size, 101);
  const [large] = link.sent.filter((bytes) => bytes > STATE_MESSAGE_BYTES);
  assert(large !== undefined && large < 6_100);
  const full = link.sent.filter((bytes) => bytes > 1_000 && bytes <= STATE_MESSAGE_BYTES);
  assert(full.length >= 5, `${link.sent}`);
});

Deno.test("a stream with maxHz sends each channel no more often, and the newest", () => {
  const link = new Link(5, 10);
  link.advance(300);
  for (let i = 1; i <= 200; i++) {
    link.put(1, i);
    link.advance(5);
  }
  link.advance(200);
  assert(
    link.arrivals.length >= 10 && link.arrivals.length <= 12,
    `${link.arrivals.length} arrivals in a second`,
  );
  assertEquals(link.held.get(1), 200);
  assertEquals(link.stream.skippedByRate + link.arrivals.length, 200);
});

Deno.test("values that cannot be placed yet are not confirmed and come again", () => {
  const link = new Link(10);
  link.advance(300);
  link.placing = false;
  link.put(1, 1);
  link.advance(100);
  assertEquals(link.held.size, 0);
  link.placing = true;
  link.advance(100);
  assertEquals(link.held.get(1), 1);
});

Deno.test("the lane is left within a second of silence and taken again when it answers", () => {
  const link = new Link(25);
  const moves: { to: string; atMs: number }[] = [];
  const watch = (ms: number) => {
    for (let i = 0; i < ms; i++) {
      const up = link.sender.health.up;
      link.put(1, link.ms + 1);
      link.advance(1);
      if (link.sender.health.up !== up) moves.push({ to: up ? "websocket" : "webrtc", atMs: link.ms });
    }
  };
  watch(1_000);
  assertEquals(moves.map(({ to }) => to), ["webrtc"]);
  const cutAt = link.ms;
  link.cut = true;
  watch(3_000);
  assertEquals(moves.length, 2);
  assert(moves[1]!.atMs - cutAt <= 1_000, `left after ${moves[1]!.atMs - cutAt} ms`);
  const backAt = link.ms;
  link.cut = false;
  watch(2_000);
  assertEquals(moves.length, 3);
  assert(moves[2]!.atMs - backAt <= 500, `back after ${moves[2]!.atMs - backAt} ms`);
});

Deno.test("a round trip that grows is followed, without leaving the lane", () => {
  const link = new Link(5);
  link.advance(500);
  link.delayMs = 150;
  for (let i = 1; i <= 200; i++) {
    link.put(1, i);
    link.advance(20);
  }
  assert(link.sender.health.up);
  assert(link.sender.health.roundTripMs > 250, `${link.sender.health.roundTripMs} ms`);
});

Deno.test("a confirmation speaks of every number in its window and refuses what is not one", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.uint8Array({ maxLength: 32 }), (highest, map) => {
      const numbers: number[] = [];
      const decoded = decodeConfirmation(encodeConfirmation({ highest, heldUs: 5, map }));
      confirmedNumbers(decoded, (number) => numbers.push(number));
      const expected = [highest];
      map.forEach((byte, i) => {
        for (let j = 0; j < 8; j++) {
          if (byte & (1 << j) && highest - 1 - 8 * i - j > 0) expected.push(highest - 1 - 8 * i - j);
        }
      });
      assertEquals(numbers, expected);
    }),
  );
  assertThrows(() => decodeConfirmation(new Uint8Array([4, 0, 0])), ProtocolError, "number 0");
  assertThrows(
    () => decodeConfirmation(new Uint8Array([4, 1, 0, ...new Uint8Array(33)])),
    ProtocolError,
    "33 bytes",
  );
  assertThrows(() => decodeConfirmation(new Uint8Array([3, 1])), ProtocolError, "kind 3");
});

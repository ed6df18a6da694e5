import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BatchReader } from "../../protocol/batch.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { STATE_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { confirmedNumbers, decodeConfirmation, encodeConfirmation } from "../../protocol/state_frame.ts";
import { StateReceiver } from "../../protocol/state_receiver.ts";
import { StateSender } from "../../protocol/state_sender.ts";
import type { StateStream } from "../../protocol/state_stream.ts";

const FEED = 7;

/** What the network does with one packet. */
interface Fate {
  drop: boolean;
  repeat: boolean;
  /** Beside the link's own delay, in milliseconds. */
  extraMs: number;
}

const fate: fc.Arbitrary<Fate> = fc.record({
  drop: fc.boolean(),
  repeat: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  extraMs: fc.integer({ min: 0, max: 30 }),
});

/** Two ends and the network between them, stepped a millisecond at a time. */
class Link {
  ms = 0;
  readonly sender = new StateSender();
  readonly receiver = new StateReceiver();
  readonly stream: StateStream;
  /** Channel to offset, as the receiver has it. */
  readonly held = new Map<number, number>();
  readonly arrivals: { channel: number; offset: number; atMs: number }[] = [];
  sentBytes: number[] = [];
  lossy = true;
  cut = false;
  /** Placing fails while false, as before an announcement. */
  placing = true;
  #packets: { atMs: number; bytes: Uint8Array; up: boolean }[] = [];
  #turn = 0;

  constructor(readonly delayMs: number, readonly fates: readonly Fate[], maxHz?: number) {
    this.stream = this.sender.stream(FEED, maxHz);
  }

  put(channel: number, offset: number, size = 8): void {
    this.stream.put(channel, offset, 1_000_000 + this.ms * 1_000, new Uint8Array(size).fill(offset));
  }

  advance(ms: number): void {
    for (const end = this.ms + ms; this.ms < end; this.ms++) this.#step();
  }

  #step(): void {
    const due = this.#packets.filter(({ atMs }) => atMs <= this.ms);
    this.#packets = this.#packets.filter(({ atMs }) => atMs > this.ms);
    for (const { bytes, up } of due) {
      if (up) this.sender.confirmed(bytes, this.ms);
      else this.receiver.receive(bytes, this.ms, (batch) => this.#place(batch));
    }
    const confirmation = this.receiver.confirmation(this.ms);
    if (confirmation) this.#send(confirmation, true);
    this.sender.look(this.ms);
    for (let message = this.sender.next(this.ms); message; message = this.sender.next(this.ms)) {
      this.sentBytes.push(message.length);
      this.#send(message.slice(), false);
    }
  }

  #send(bytes: Uint8Array, up: boolean): void {
    if (this.cut) return;
    const turn: Fate = this.lossy
      ? this.fates[this.#turn++ % this.fates.length] ?? { drop: false, repeat: false, extraMs: 0 }
      : { drop: false, repeat: false, extraMs: 0 };
    if (turn.drop) return;
    const atMs = this.ms + this.delayMs + turn.extraMs;
    this.#packets.push({ atMs, bytes, up });
    if (turn.repeat) this.#packets.push({ atMs: atMs + 5, bytes, up });
  }

  #place(batch: Uint8Array): boolean {
    if (!this.placing) return false;
    const reader = new BatchReader();
    reader.open(batch);
    assertEquals(reader.feed, FEED);
    while (reader.next()) {
      const { channel, sequence, start, end } = reader;
      assert(batch.subarray(start, end).every((byte) => byte === sequence % 256));
      if (sequence <= (this.held.get(channel) ?? 0)) continue;
      this.held.set(channel, sequence);
      this.arrivals.push({ channel, offset: sequence, atMs: this.ms });
    }
    return true;
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
        const link = new Link(delayMs, fates);
        link.lossy = false;
        link.advance(3 * delayMs + 500); // the round trip is known
        link.lossy = true;
        const newest = new Map<number, number>();
        for (const { channel, waitMs } of puts) {
          const offset = (newest.get(channel) ?? 0) + 1;
          newest.set(channel, offset);
          link.put(channel, offset);
          link.advance(waitMs);
        }
        link.advance(300);
        link.lossy = false;
        // what was sent last is given up after a round trip and its variation, and then needs half a one
        link.advance(Math.ceil(link.sender.health.timeoutMs) + delayMs + 45);
        assertEquals([...link.held].sort(), [...newest].sort());
      },
    ),
    { numRuns: 150 },
  );
});

Deno.test("a loss-free lane sends each value once and falls silent when all is confirmed", () => {
  const link = new Link(20, []);
  link.lossy = false;
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
  const link = new Link(1, []);
  link.lossy = false;
  link.advance(300);
  link.sentBytes = [];
  for (let channel = 1; channel <= 100; channel++) link.put(channel, 1, 60);
  link.put(500, 1, 6_000);
  link.advance(50);
  assertEquals(link.held.size, 101);
  const [large] = link.sentBytes.filter((bytes) => bytes > STATE_MESSAGE_BYTES);
  assert(large !== undefined && large < 6_100);
  const full = link.sentBytes.filter((bytes) => bytes > 1_000 && bytes <= STATE_MESSAGE_BYTES);
  assert(full.length >= 5, `${link.sentBytes}`);
});

Deno.test("a stream with maxHz sends each channel no more often, and the newest", () => {
  const link = new Link(5, [], 10);
  link.lossy = false;
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
  const link = new Link(10, []);
  link.lossy = false;
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
  const link = new Link(25, []);
  link.lossy = false;
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
  const link = new Link(5, []);
  link.lossy = false;
  link.advance(500);
  (link as { delayMs: number }).delayMs = 150;
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

/** Differences on a state lane whose network drops, repeats, delays and reorders: never a wrong byte, and always the newest in the end. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { KEPT_VALUES } from "../../protocol/limits.ts";
import type { StateStream } from "../../protocol/state_stream.ts";
import { seeded } from "../support/hostile_packets.ts";
import { type Fate, FEED, LaneNetwork } from "../support/lane_network.ts";

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.integer({ min: 0, max: 60 })) },
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 90 })) },
);

/** A lane that checks every value byte by byte. */
class Link extends LaneNetwork {
  stream: StateStream;
  /** What was put: by channel the value of each offset. */
  readonly put = new Map<number, Uint8Array[]>();
  /** Channel to offset, as the receiver has it. */
  readonly held = new Map<number, number>();

  constructor(delayMs: number, keptBytes: number, senderBelieves = keptBytes) {
    super(delayMs, keptBytes);
    this.sender.receiverKeeps(senderBelieves);
    this.stream = this.sender.stream(FEED);
    this.advance(500); // the round trip is known
  }

  /** Puts a value, of its own as a rule so that later changes do not touch it. */
  value(channel: number, bytes: Uint8Array): void {
    const all = this.put.get(channel) ?? [];
    this.put.set(channel, all);
    all.push(bytes.slice());
    this.stream.put(channel, all.length, 1_000_000 + this.ms * 1_000, bytes);
  }

  /** The lane is left and taken again: what is not confirmed goes another way, the lane's stream begins anew. */
  move(): void {
    this.sender.end(this.stream);
    for (const { channel, offset } of this.stream.unconfirmed()) this.#takes(channel, offset);
    this.stream = this.sender.stream(FEED);
  }

  protected arrived(channel: number, offset: number, payload: Uint8Array): void {
    assertEquals(payload, this.put.get(channel)![offset - 1]!.subarray());
    this.#takes(channel, offset);
  }

  #takes(channel: number, offset: number): void {
    this.held.set(channel, Math.max(this.held.get(channel) ?? 0, offset));
  }
}

/** Sets some bytes of the value anew. */
function change(value: Uint8Array, count: number, below: (end: number) => number): void {
  for (let i = 0; i < count; i++) value[below(value.length)] = below(256);
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("turn" as const), changes: fc.nat(30), waitMs: fc.nat(60) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("move", "hide", "show", "resize" as const) }) },
);

Deno.test("differences over any network never make a wrong value, converge, and keep to their bytes", () => {
  fc.assert(
    fc.property(
      fc.array(fate, { minLength: 1, maxLength: 40 }),
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.record({
        seed: fc.nat(),
        delayMs: fc.integer({ min: 1, max: 120 }),
        keptBytes: fc.constantFrom(1_000, 8_000, 1_048_576),
        believes: fc.constantFrom(1, 1_000), // a receiver that keeps less than it has said
      }),
      (fates, steps, { seed, delayMs, keptBytes, believes }) => {
        const below = seeded(seed);
        const link = new Link(delayMs, keptBytes, keptBytes * believes);
        const values = Array.from({ length: 12 }, (_, i) => new Uint8Array(40 + 30 * i));
        link.fates = fates;
        for (const one of steps) {
          switch (one.do) {
            case "turn":
              for (const [channel, value] of values.entries()) {
                change(value, one.changes, below);
                link.value(channel, value);
              }
              link.advance(one.waitMs);
              break;
            case "move":
              link.move();
              break;
            case "hide":
            case "show":
              link.placing = one.do === "show";
              break;
            case "resize":
              values[below(12)] = new Uint8Array(below(400));
          }
          assert(link.receiver.differences!.heldBytes <= 1.25 * keptBytes);
          assert(link.sender.differences!.heldBytes <= Math.min(keptBytes * believes, 1_048_576));
        }
        link.placing = true;
        link.fates = [];
        // a difference that has no baseline there is lost twice before its value goes out whole
        link.advance(4 * (Math.ceil(link.sender.health.timeoutMs) + delayMs + 45) + 2_000);
        for (const [channel, all] of link.put) assertEquals(link.held.get(channel), all.length);
      },
    ),
    { numRuns: 120 },
  );
});

/** Streams `topics` values of which some bytes change each turn; returns the bytes sent in the second half. */
function stream(link: Link, topics: number, bytes: number, changes: number, turns = 40): number {
  const below = seeded(1);
  const values = Array.from({ length: topics }, () => Uint8Array.from({ length: bytes }, () => below(256)));
  for (let turn = 0; turn < turns; turn++) {
    if (turn === turns / 2) link.sent = [];
    values.forEach((value, channel) => {
      change(value, changes, below);
      link.value(channel, value);
    });
    link.advance(50);
  }
  return link.sent.reduce((sum, size) => sum + size, 0) / (turns / 2);
}

Deno.test("many values of which little changes take a third of their bytes as differences", () => {
  const whole = stream(new Link(25, 0), 100, 200, 10);
  const link = new Link(25, 1_048_576);
  const differences = stream(link, 100, 200, 10);
  assert(whole > 20_000 && differences < whole / 3, `${differences} of ${whole} bytes a turn`);
  assertEquals(link.receiver.differences!.missing, 0);
  const { heldBytes } = link.sender.differences!;
  assert(heldBytes <= 100 * 200 * KEPT_VALUES, `${heldBytes} bytes are held`);
});

Deno.test("what fits into one message goes whole, and so does what is always new", () => {
  const few = new Link(25, 1_048_576);
  stream(few, 5, 200, 2);
  assertEquals(few.sender.differences!.sent, 0);
  const random = new Link(25, 1_048_576);
  const bytes = stream(random, 50, 200, 1_000);
  assertEquals(random.sender.differences!.sent, 0);
  assert(bytes < 1.02 * stream(new Link(25, 0), 50, 200, 1_000));
});

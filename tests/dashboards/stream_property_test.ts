/**
 * Whatever happens to the line and whenever the disk commits: events come complete, in order and once; state
 * never goes backwards and ends at the newest value.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { batchFrame } from "../support/wire.ts";
import type { PlayedPeer } from "../support/played_peer.ts";
import { settle, World } from "../support/world.ts";

type Step =
  | { do: "state" | "event"; count: number }
  | { do: "unrecorded" | "commit" | "tick" | "sweep" | "block" | "unblock" | "reconnect" | "settle" };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom("state" as const, "event" as const),
    count: fc.integer({ min: 1, max: 20 }),
  }),
  fc.record({
    do: fc.constantFrom(
      ...["unrecorded", "commit", "tick", "sweep", "block", "unblock", "reconnect", "settle"] as const,
    ),
  }),
);

/** A dashboard as a good SDK plays it: keeps positions, and goes on from them on a new line. */
class Viewer {
  readonly events: number[] = [];
  readonly states: number[] = [];
  line: PlayedPeer;
  #read = 0;

  constructor(readonly world: World) {
    this.line = world.openDashboard(["pump/#"], { from: { time: 1 } });
  }

  reconnect(): void {
    this.read();
    this.line.cut();
    const positions: Record<string, { epoch: string; offset: number }> = {};
    const event = this.events.at(-1);
    const state = this.states.at(-1);
    positions["pump/event"] = { epoch: "gw.1", offset: event ?? 0 };
    positions["pump/state"] = { epoch: "gw.1", offset: state ?? 0 };
    this.line = this.world.openDashboard(["pump/#"], { from: { positions } });
    this.#read = 0;
  }

  read(): void {
    const eventId = this.world.hub.topic("pump/event")!.id;
    const stateId = this.world.hub.topic("pump/state")!.id;
    const samples = this.line.samples;
    for (; this.#read < samples.length; this.#read++) {
      const { channel, offset } = samples[this.#read]!;
      if (channel === eventId) this.events.push(offset);
      if (channel === stateId) this.states.push(offset);
    }
  }
}

Deno.test("events are complete and state converges, whatever happens to line and disk", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: "max" }), async (steps) => {
      using world = new World();
      const device = world.openDevice("pump", [
        { channel: 1, topic: "state", class: "state" },
        { channel: 2, topic: "event", class: "event" },
      ]);
      const viewer = new Viewer(world);
      const sent = { state: 0, event: 0 };
      for (const one of steps) await apply(one, world, device, viewer, sent);
      viewer.line.bufferedBytes = 0;
      for (let i = 0; i < 6; i++) {
        world.recording.commit();
        await settle(3_000); // every sample read back takes a turn
        world.timers.advance(100);
        world.sweep();
      }
      viewer.read();
      assertEquals(viewer.events, Array.from({ length: sent.event }, (_, i) => i + 1));
      assert(
        viewer.states.every((offset, i) => i === 0 || offset > viewer.states[i - 1]!),
        "state goes backwards",
      );
      assertEquals(viewer.states.at(-1) ?? 0, sent.state);
    }),
    { numRuns: 300 },
  );
});

async function apply(
  one: Step,
  world: World,
  device: PlayedPeer,
  viewer: Viewer,
  sent: { state: number; event: number },
): Promise<void> {
  switch (one.do) {
    case "state":
    case "event":
      for (let i = 0; i < one.count; i++) {
        const sequence = ++sent[one.do];
        device.say(
          batchFrame([{ channel: one.do === "state" ? 1 : 2, sequence, payload: new Uint8Array(4) }]),
        );
      }
      break;
    case "unrecorded":
      world.recording.full = true;
      device.say(batchFrame([{ channel: 1, sequence: ++sent.state, payload: new Uint8Array(4) }]));
      world.recording.full = false;
      break;
    case "commit":
      world.recording.commit();
      break;
    case "tick":
      world.timers.advance(5);
      break;
    case "sweep":
      world.sweep();
      break;
    case "block":
      viewer.line.bufferedBytes = 1_000_000;
      break;
    case "unblock":
      viewer.line.bufferedBytes = 0;
      break;
    case "reconnect":
      viewer.reconnect();
      break;
    case "settle":
      await settle();
      break;
    default:
      one satisfies never;
  }
}

/** A dashboard that has asked for differences gets them on its lane, and one that has not is sent whole values. */
import { assert, assertEquals } from "@std/assert";
import { BatchReader } from "../../protocol/batch.ts";
import { seeded } from "../support/hostile_packets.ts";
import { PlayedLane, playedLanes } from "../support/played_lane.ts";
import { batchFrame } from "../support/wire.ts";
import { World } from "../support/world.ts";

const TOPICS = 30;
const BYTES = 200;

/** A dashboard on its lane, and the newest values that it holds by channel. */
function viewer(world: World, keptBytes: number | undefined) {
  const held = new Map<number, Uint8Array>();
  const place = (batch: Uint8Array) => {
    const reader = new BatchReader();
    reader.open(batch);
    while (reader.next()) held.set(reader.channel, batch.slice(reader.start, reader.end));
    return true;
  };
  let lane!: PlayedLane;
  world.dashboards.lanes = playedLanes(() =>
    lane = new PlayedLane(world.timers, () => [25], place, keptBytes)
  );
  const line = world.dashboard();
  line.say({ type: "hello", protocol: 1, ...(keptBytes === undefined ? {} : { keptBytes }) });
  line.say({ type: "subscribe", id: 1, patterns: ["pump/#"] });
  line.say({ type: "offer", sdp: "v=0" });
  world.timers.advance(300);
  return { held, lane };
}

/** Bytes that the lanes carry of 20 turns of values of which 5 % changes; both must end with the newest. */
function compare(first: number | undefined, second: number | undefined): [number, number] {
  using world = new World();
  const topics = Array.from({ length: TOPICS }, (_, i) => ({ channel: i + 1, topic: `state/${i}` }));
  const device = world.openDevice("pump", topics);
  const viewers = [viewer(world, first), viewer(world, second)];
  const before = viewers.map(({ lane }) => lane.traffic.bytesOut);
  const below = seeded(1);
  const values = topics.map(() => new Uint8Array(BYTES));
  for (let turn = 1; turn <= 20; turn++) {
    for (const value of values) for (let i = 0; i < BYTES / 20; i++) value[below(BYTES)] = below(256);
    device.say(batchFrame(values.map((payload, i) => ({ channel: i + 1, sequence: turn, payload }))));
    world.timers.advance(50);
  }
  world.timers.advance(500);
  for (const { held } of viewers) {
    const newest = topics.map(({ topic }) => held.get(world.hub.topic(`pump/${topic}`)!.id));
    assertEquals(newest, values);
  }
  const [one, other] = viewers.map(({ lane }, i) => lane.traffic.bytesOut - before[i]!);
  return [one!, other!];
}

Deno.test("a dashboard that keeps values gets differences, one that says nothing of it or keeps none does not", () => {
  const [asked, silent] = compare(1_048_576, undefined);
  assert(silent > 20 * TOPICS * BYTES, `${silent} bytes of whole values`);
  assert(asked < 0.4 * silent, `${asked} and ${silent} bytes`);
  const [none, few] = compare(0, 500);
  assertEquals(none, silent);
  assert(few > 0.95 * silent, `${few} bytes to one that keeps a single value`);
});

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Folder, replayed, sample, type Seen, T0, topic } from "./support.ts";
import type { Store } from "../../db/store.ts";
import type { Topic } from "../../hub/topic.ts";

const TOPICS = 3;

type Step =
  | { kind: "samples"; topic: number; count: number; stepUs: number; bytes: number; session: number }
  | { kind: "skip"; topic: number }
  | { kind: "flush" }
  | { kind: "maintain" }
  | { kind: "restart" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("samples" as const),
      topic: fc.integer({ min: 1, max: TOPICS }),
      count: fc.integer({ min: 1, max: 300 }),
      stepUs: fc.constantFrom(0, 1, 999, 1_000_000),
      bytes: fc.constantFrom(0, 1, 8, 64, 1000, 70_000),
      session: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("skip" as const), topic: fc.integer({ min: 1, max: 2 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("maintain" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

interface Kept extends Seen {
  epoch: string;
  session: number;
}

/** What was recorded, kept beside the database and compared with it. */
class Model {
  kept: Kept[] = [];
  nowUs = T0;
  topics = new Map<number, Topic>();

  constructor(readonly folder: Folder, public store: Store) {
    this.define();
  }

  define(): void {
    for (let id = 1; id <= TOPICS; id++) {
      // Topic 3 counts every sample, so that nothing may be missing of it.
      this.topics.set(
        id,
        topic(this.store, id, { encoding: "raw", deliveryClass: id === 3 ? "event" : "state" }),
      );
    }
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case "samples": {
        const topic = this.topics.get(step.topic)!;
        const count = step.bytes > 1000 ? Math.min(step.count, 8) : step.count;
        for (let i = 0; i < count; i++) this.record(topic, step);
        return;
      }
      case "skip":
        this.topics.get(step.topic)!.lastOffset += 5;
        return;
      case "flush":
        return await this.store.recorder.flush();
      case "maintain":
        return await this.store.maintain();
      case "restart":
        await this.folder.close(this.store);
        this.store = await this.folder.open({ limits: { compactBytes: 100_000 } });
        return this.define();
    }
  }

  record(topic: Topic, { stepUs, bytes, session }: Extract<Step, { kind: "samples" }>): void {
    this.nowUs += stepUs;
    const payload = new Uint8Array(bytes).fill(this.kept.length);
    const lent = sample(topic, this.nowUs, payload, session);
    const event = topic.description.deliveryClass === "event";
    const taken = event ? this.store.recorder.event(lent, "p", lent.offset) : this.store.recorder.state(lent);
    assert(taken);
    this.kept.push({
      topic: topic.id,
      offset: lent.offset,
      timeUs: this.nowUs,
      payload,
      epoch: this.store.boot.epoch,
      session,
    });
  }
}

const seen = ({ topic, offset, timeUs, payload }: Seen): Seen => ({ topic, offset, timeUs, payload });

/** By time, which is the order of a replay; samples of one time in any order. */
function sorted(samples: Seen[]): Seen[] {
  return samples.toSorted((a, b) => a.timeUs - b.timeUs || a.topic - b.topic);
}

const all = Array.from({ length: TOPICS }, (_, i) => ({ id: i + 1 }));

function isOrdered(samples: Seen[]): boolean {
  return samples.every((one, i) => i === 0 || samples[i - 1]!.timeUs <= one.timeUs);
}

Deno.test("what was recorded is read back identically after any commits, compactions and restarts", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 25 }),
      fc.nat(),
      fc.nat(),
      async (steps, somewhere, sometime) => {
        await using folder = new Folder();
        const model = new Model(folder, await folder.open({ limits: { compactBytes: 100_000 } }));
        for (const one of steps) await model.run(one);
        await everythingFrom(model, T0);
        await everythingFrom(model, T0 + sometime % Math.max(1, model.nowUs - T0 + 1));
        await behindPosition(model, somewhere);
        await asSeries(model, sometime);
      },
    ),
    { numRuns: Number(Deno.env.get("TIDEGATE_TEST_RUNS") ?? 60) },
  );
});

async function everythingFrom({ store, kept }: Model, fromUs: number): Promise<void> {
  const { samples, told } = await replayed(store, { topics: all, fromUs });
  assert(isOrdered(samples));
  assertEquals(sorted(samples), sorted(kept.filter((one) => one.timeUs >= fromUs).map(seen)));
  assertEquals(told.filter((item) => item.kind === "gap"), []);
}

async function behindPosition({ store, kept }: Model, somewhere: number): Promise<void> {
  const from = kept[somewhere % kept.length];
  if (!from) return;
  const mine = kept.filter((one) => one.topic === from.topic);
  const { epoch, offset, topic } = from;
  const { samples, told } = await replayed(store, { topics: [{ id: topic, after: { epoch, offset } }] });
  assertEquals(samples, mine.slice(mine.indexOf(from) + 1).map(seen));
  assertEquals(told.filter((item) => item.kind === "gap"), []);
  const last = told.findLast((item) => item.kind === "epoch");
  assertEquals(last?.epoch ?? epoch, store.boot.epoch);
}

async function asSeries({ store, kept, nowUs }: Model, sometime: number): Promise<void> {
  const toUs = T0 + sometime % (nowUs - T0 + 1);
  const session = 1 + sometime % 3;
  for (const only of [{}, { session }]) {
    const wanted = kept.filter((one) =>
      one.topic === 1 && one.timeUs <= toUs && ("session" in only ? one.session === session : true)
    );
    const series = await store.series({
      topic: "dev/t1",
      fromUs: T0,
      toUs,
      maxPoints: 100_000,
      downsampling: "none",
      ...only,
    });
    assertEquals(series.total, wanted.length);
    assertEquals(
      series.points.map(({ epoch, offset, timeUs, payload }) => ({ epoch, offset, timeUs, payload })),
      wanted.map(({ epoch, offset, timeUs, payload }) => ({ epoch, offset, timeUs, payload })),
    );
  }
}

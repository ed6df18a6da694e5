import { assertEquals } from "@std/assert";
import { Liveness, type Watched } from "../../transport/liveness.ts";

/** A watch whose clock the test moves; its own timer does not come to fire while a test runs through. */
class Watch implements Disposable {
  nowMs = 0;
  readonly liveness = new Liveness({
    pingIntervalMs: 10_000,
    idleTimeoutMs: 30_000,
    nowMs: () => this.nowMs,
  });

  constructor() {
    this.liveness.start();
  }

  /** A peer that says nothing, with what became of it. */
  peer(): Watched & { story: string[] } {
    const story: string[] = [];
    const note = (what: string) => void story.push(`${what} at ${this.nowMs / 1_000} s`);
    const peer = { heardMs: 0, story, ping: () => note("asked"), dead: () => note("dead") };
    this.liveness.add(peer);
    return peer;
  }

  /** Sweeps as the timer does, in time, until `untilMs`. */
  runUntil(untilMs: number): void {
    while (this.nowMs + 2_500 <= untilMs) {
      this.nowMs += 2_500;
      this.liveness.sweep();
    }
  }

  [Symbol.dispose](): void {
    this.liveness.stop();
  }
}

Deno.test("a silent peer is asked each ping interval and given up after the idle timeout", () => {
  using watch = new Watch();
  const { story } = watch.peer();
  watch.runUntil(60_000);
  assertEquals(story, ["asked at 10 s", "asked at 20 s", "dead at 30 s"]);
});

Deno.test("a peer that is heard is neither asked nor given up", () => {
  using watch = new Watch();
  const peer = watch.peer();
  for (let ms = 5_000; ms <= 100_000; ms += 5_000) {
    watch.runUntil(ms);
    peer.heardMs = watch.nowMs;
  }
  assertEquals(peer.story, []);
});

Deno.test("time in which the gateway itself stood still is nobody's silence", () => {
  using watch = new Watch();
  const { story } = watch.peer();
  watch.runUntil(5_000);
  watch.nowMs += 2_500 + 600_000; // the next sweep is ten minutes late
  watch.liveness.sweep();
  watch.runUntil(700_000);
  assertEquals(story, ["asked at 610 s", "asked at 620 s", "dead at 630 s"]);
});

Deno.test("a peer that was heard just before a late sweep is not heard in the future", () => {
  using watch = new Watch();
  const peer = watch.peer();
  watch.nowMs = 100_000;
  peer.heardMs = 99_000;
  watch.liveness.sweep();
  assertEquals(peer.heardMs, 100_000);
});

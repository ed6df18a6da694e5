import { assertEquals } from "@std/assert";
import { type Member, Population } from "../../rtc/population.ts";

/** Tells when it is looked at, in whole seconds after `fromMs`. */
class Watched implements Member {
  readonly host = "192.0.2.1";
  readonly pending = false;
  readonly looks: number[] = [];

  constructor(readonly fromMs: number) {}

  sweep(nowMs: number): void {
    this.looks.push(Math.round((nowMs - this.fromMs) / 1_000));
  }

  close(): void {}
}

Deno.test("a population that stood still looks at nobody's deadline before it could hear what came meanwhile", () => {
  const population = new Population({ maxPeers: 4, maxPendingPerAddress: 4 });
  const fromMs = performance.now();
  const peer = new Watched(fromMs);
  population.add(peer);
  for (const second of [1, 2, 12, 13, 14]) population.sweep(fromMs + 1_000 * second);
  assertEquals(peer.looks, [1, 2, 13, 14]);
  population.delete(peer);
});

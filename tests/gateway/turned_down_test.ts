import { assertEquals } from "@std/assert";
import { QUIET_MS, TurnedDownLog } from "../../gateway/turned_down.ts";
import type { TurnedDown } from "../../routes/sockets.ts";

const KNOCK: TurnedDown = {
  status: 403,
  detail: "not from there",
  path: "/v1/live",
  remote: "10.0.0.9:1",
  origin: "http://shop.example.org",
};

Deno.test("the first of a kind is logged at once, the rest are counted in the next line", () => {
  let nowMs = 0;
  const lines: { text: string; more: unknown }[] = [];
  const log = new TurnedDownLog((text, values) => lines.push({ text, more: values["more"] }), () => nowMs);
  log.add(KNOCK);
  log.add({ ...KNOCK, status: 401, origin: null });
  for (let i = 0; i < 100; i++) log.add({ ...KNOCK, path: `/${i}`, remote: `10.0.0.9:${i}` });
  nowMs = QUIET_MS;
  log.add(KNOCK);
  assertEquals(lines, [
    { text: "turned down {remote} at {path} from a page of {origin} with {status}: {detail}", more: 0 },
    { text: "turned down {remote} at {path} with {status}: {detail}", more: 0 },
    {
      text: "turned down {remote} at {path} from a page of {origin} with {status}: {detail} " +
        "({more} more like it since the last such line)",
      more: 100,
    },
  ]);
});

Deno.test("what a peer chose is cut before it is logged", () => {
  const logged: Record<string, unknown>[] = [];
  const log = new TurnedDownLog((_, values) => logged.push(values));
  log.add({
    ...KNOCK,
    path: "/".padEnd(10_000, "x"),
    origin: "o".repeat(10_000),
    detail: "d".repeat(10_000),
  });
  const [{ path, origin, detail } = {}] = logged;
  assertEquals([path, origin, detail].map((text) => String(text).length), [200, 200, 200]);
});

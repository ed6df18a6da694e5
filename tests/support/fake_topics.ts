/**
 * Topics for the stand-in gateway: a small workshop as people would have it, and rigs of many channels.
 *
 * @module
 */
import type { FakeTopic } from "./fake_live_gateway.ts";

const encoder = new TextEncoder();

/** A payload of encoding f64. */
export function f64(...values: number[]): Uint8Array {
  return new Uint8Array(new Float64Array(values).buffer);
}

/** A payload of encoding json. */
export function json(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** A lively curve between about 0 and 80, another one for each seed; `timeUs` in microseconds. */
export function curve(seed: number, timeUs: number): number {
  const s = timeUs / 1e6;
  const noise = Math.sin(s * 12.9898 + seed * 78.233) * 43758.5453 % 1;
  return 40 + 24 * Math.sin(s / (23 + seed * 7) + seed) + 10 * Math.sin(s / (5.1 + seed)) + 2.5 * noise;
}

/** A topic of encoding f64 at 10 samples a second, unless told otherwise. */
export function fakeTopic(
  topic: string,
  at: FakeTopic["at"],
  more: Partial<FakeTopic["announcement"]> = {},
  hz = 10,
): FakeTopic {
  return { announcement: { topic, class: "state", encoding: "f64", writable: false, ...more }, at, hz };
}

/** A device's status topic. */
function fakeStatus(device: string, online: boolean): FakeTopic {
  const status = online ? { online, transport: "websocket", session: "s1" } : { online };
  return fakeTopic(`${device}/$status`, () => json(status), { encoding: "json" }, 0);
}

/** A workshop and a greenhouse: every kind of card. */
export function workshop(): FakeTopic[] {
  const struct = { encoding: "json" as const };
  return [
    fakeStatus("workshop", true),
    fakeStatus("greenhouse", true),
    fakeStatus("cellar", false),
    fakeTopic("cellar/pump", () => encoder.encode("switched off"), { encoding: "utf8" }, 0),
    fakeTopic("workshop/cpu", (us) => f64(...[1, 2, 3, 4].map((seed) => curve(seed, us))), { unit: "%" }),
    fakeTopic("workshop/load", (us) => f64(curve(5, us) / 40)),
    fakeTopic("workshop/memory/used", (us) => f64(6.1e9 + 2e7 * curve(6, us)), { unit: "B" }),
    fakeTopic(
      "workshop/network/eth0",
      (us) => json({ receive: curve(7, us) * 1e4, send: Math.max(0, curve(8, us) * 3e3) }),
      { ...struct, unit: "B/s" },
    ),
    fakeTopic("workshop/spindle/speed", (us) => f64(1500 + curve(9, us) * 5), { unit: "rpm" }),
    fakeTopic("workshop/spindle/vibration", (us) => f64(curve(0, us) * Math.sin(us / 2e5) / 60), {
      unit: "g",
    }),
    fakeTopic("workshop/machine", () => encoder.encode("lathe 3, tool 12"), { encoding: "utf8" }, 0),
    fakeTopic(
      "workshop/bus/frame",
      (us) => new Uint8Array([2, 0x7e, us & 255, 65, 255]),
      { encoding: "raw" },
      1,
    ),
    fakeTopic("workshop/lamp", () => json({ state: "on", colour: "warm" }), { ...struct, writable: true }, 0),
    fakeTopic(
      "workshop/door",
      (us) => json({ door: us % 3e6 < 1.5e6 ? "north" : "south", state: us % 2e6 < 1e6 ? "open" : "closed" }),
      { ...struct, class: "event" },
      0.5,
    ),
    fakeTopic("greenhouse/temperature", (us) => f64(18 + curve(3, us) / 12), { unit: "°C" }, 1),
    fakeTopic("greenhouse/humidity", (us) => f64(40 + curve(4, us) / 3), { unit: "%" }, 1),
  ];
}

/** A rig of `count` channels, each at 10 samples a second. */
export function rig(count: number): FakeTopic[] {
  return Array.from(
    { length: count },
    (_, i) => fakeTopic(`rig/channel/${i}`, (us) => f64(curve(i % 11, us)), { unit: "V" }),
  );
}

/**
 * Numbered events through a gateway, and the count of what became of them at an independent subscriber.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { DevicePeer } from "../support/peer.ts";
import type { MosquittoSub } from "./mosquitto.ts";

/** Arguments that give a gateway bridges. */
export const bridges = (...configs: object[]): string[] => ["--mqtt-bridges", JSON.stringify(configs)];

/** A device with an event channel, a state channel and one that others write. */
export async function eventDevice(gateway: GatewayProcess, name: string): Promise<DevicePeer> {
  const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, name));
  await device.advertise(
    { channel: 1, topic: "event", encoding: "utf8", class: "event" },
    { channel: 2, topic: "level", encoding: "f64", unit: "bar" },
    { channel: 3, topic: "target", encoding: "f64", writable: true },
  );
  return device;
}

/** A subscriber whose session the broker keeps while it is away. */
export const INDEPENDENT = ["-q", "1", "-c", "-i", "independent", "-V", "5", "-x", "3600"];

/** The same, but it acknowledges nothing: each message comes once, at most. */
export const SILENT = ["-q", "0", "-c", "-i", "independent", "-V", "5", "-x", "3600"];

/** Sends the events `from` to `to` and waits until they are on disk. */
export async function sendEvents(device: DevicePeer, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i++) await device.publish(1, String(i));
  await device.until(() => (device.acked.get(1) ?? 0) >= to, `events up to ${to} on disk`);
}

/** Event numbers that a subscriber got, in order. */
export function numbersIn(sub: Pick<MosquittoSub, "lines">, name: string): number[] {
  return sub.lines.filter((line) => line.includes(`/${name}/event `)).map((line) =>
    Number(line.split(" ")[1])
  );
}

/** Fails unless every number from 1 to `to` is there, each first time in order; returns how many came again. */
export function assertComplete(numbers: number[], to: number): number {
  const seen = new Set<number>();
  const first = numbers.filter((n) => !seen.has(n) && seen.add(n));
  assertEquals(first, Array.from({ length: to }, (_, i) => i + 1));
  return numbers.length - first.length;
}

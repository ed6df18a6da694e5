/**
 * What a gateway says of its readiness and of its bridges.
 *
 * @module
 */
import type { GatewayProcess } from "../support/gateway_process.ts";
import { request } from "../support/operator.ts";
import { DEADLINE_MS } from "../support/peer.ts";

/** Waits until `/readyz` says this. */
export async function notReady(gateway: GatewayProcess, pattern: string, withinMs?: number): Promise<void> {
  const wanted = (status: number, text: string) => status === 503 && new RegExp(pattern).test(text);
  await poll(gateway, "/readyz", wanted, pattern, withinMs);
}

/** Waits until the gateway is ready. */
export async function ready(gateway: GatewayProcess): Promise<void> {
  await poll(gateway, "/readyz", (status) => status === 200, "ready");
}

/** Waits until the broker of the only bridge has so many events, and the gateway knows. */
export async function acknowledged(gateway: GatewayProcess, events: number): Promise<void> {
  const metric = /^tidegate_mqtt_bridge_events_total.* (\d+)$/m;
  const wanted = (_: number, text: string) => Number(metric.exec(text)?.[1]) >= events;
  await poll(gateway, "/metrics", wanted, `${events} events acknowledged`);
}

async function poll(
  gateway: GatewayProcess,
  path: string,
  wanted: (status: number, text: string) => boolean,
  what: string,
  withinMs = DEADLINE_MS,
): Promise<void> {
  const until = Date.now() + withinMs;
  let last = "";
  while (Date.now() < until) {
    const { status, body } = await request(gateway, "GET", path);
    last = `${status} ${typeof body["text"] === "string" ? body["text"] : JSON.stringify(body)}`;
    if (wanted(status, last)) return;
    await new Promise((go) => setTimeout(go, 100));
  }
  throw new Error(`${path} did not say ${what}: ${last}\n${gateway.diagnosis()}`);
}

/**
 * What a gateway says of its readiness.
 *
 * @module
 */
import type { GatewayProcess } from "../support/gateway_process.ts";
import { request } from "../support/operator.ts";

/** Waits until `/readyz` says this. */
export async function notReady(gateway: GatewayProcess, pattern: string, withinMs?: number): Promise<void> {
  await poll(gateway, (status, text) => status === 503 && new RegExp(pattern).test(text), pattern, withinMs);
}

/** Waits until the gateway is ready. */
export async function ready(gateway: GatewayProcess): Promise<void> {
  await poll(gateway, (status) => status === 200, "ready");
}

async function poll(
  gateway: GatewayProcess,
  wanted: (status: number, text: string) => boolean,
  what: string,
  withinMs = 10_000,
): Promise<void> {
  const until = Date.now() + withinMs;
  let last = "";
  while (Date.now() < until) {
    const { status, body } = await request(gateway, "GET", "/readyz");
    last = `${status} ${JSON.stringify(body)}`;
    if (wanted(status, last)) return;
    await new Promise((go) => setTimeout(go, 100));
  }
  throw new Error(`/readyz did not say ${what}: ${last}\n${gateway.diagnosis()}`);
}

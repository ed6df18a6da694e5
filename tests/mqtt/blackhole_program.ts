/**
 * A gateway, a broker and a subscriber in a network of their own, in which the broker's port takes packets and
 * answers none, not even with a reset, for a while. Run by blackhole_test.ts; prints what it found.
 *
 * @module
 */
import { type Form, shippedForms } from "../support/forms.ts";
import { packedAlike } from "../support/each_form.ts";
import { GatewayProcess } from "../support/gateway_process.ts";
import type { DevicePeer } from "../support/peer.ts";
import { assertComplete, bridges, eventDevice, numbersIn, sendEvents } from "./event_device.ts";
import { freePort } from "./free_port.ts";
import { MosquittoBroker, MosquittoSub } from "./mosquitto.ts";
import { notReady, ready } from "./readiness.ts";

/** How long nothing gets through, in milliseconds. */
const blackholeMs = Number(Deno.args[0]);

/** A keepalive within which the bridge notices; the least that is allowed. */
const KEEPALIVE_S = 5;

/** Within this the bridge must have noticed, in milliseconds: two keepalives. */
const NOTICED_MS = 2 * KEEPALIVE_S * 1_000;

/** How often a device that has nothing to say is heard all the same, in milliseconds; the gateway ends silent ones. */
const SIGN_OF_LIFE_MS = 5_000;

async function nft(rules: string): Promise<void> {
  const child = new Deno.Command("nft", {
    args: ["-f", "-"],
    env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin` },
    stdin: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(rules));
  await writer.close();
  if (!(await child.status).success) throw new Error("nft failed; its reason is above");
}

// The subscriber has a port of its own, which goes on working.
const subscriberPort = freePort();
await using broker = await MosquittoBroker.start([
  "allow_anonymous true",
  "max_queued_messages 0",
  `listener ${subscriberPort} 127.0.0.1`,
]);
await using stack = new AsyncDisposableStack();
const url = `mqtt://127.0.0.1:${broker.port}`;
const sides: { form: Form; level: string; gateway: GatewayProcess; device: DevicePeer }[] = [];
for (const form of shippedForms().filter((form) => !packedAlike(form))) {
  const level = form.name.split(",")[0]!.toLowerCase();
  const bridge = { url, keepaliveS: KEEPALIVE_S, connectTimeoutS: 2, clientId: level };
  const gateway = stack.use(
    await GatewayProcess.start(form, { args: [...bridges(bridge), "--mqtt-name", level] }),
  );
  await ready(gateway);
  sides.push({ form, level, gateway, device: await eventDevice(gateway, "dev") });
}
const login = { port: subscriberPort, args: ["-q", "1"] };
await using sub = await MosquittoSub.start(login, "tidegate/+/dev/event");
const sendAll = (from: number, to: number) =>
  Promise.all(sides.map(({ device }) => sendEvents(device, from, to)));
await sendAll(1, 200);
for (const { level } of sides) await sub.until((line) => line === `tidegate/${level}/dev/event 200`);

await nft(
  `table inet blackhole { chain in { type filter hook input priority 0; ` +
    `tcp dport ${broker.port} drop; tcp sport ${broker.port} drop; }; }\n`,
);
const startMs = Date.now();
await sendAll(201, 400);
if (blackholeMs >= NOTICED_MS) {
  for (const { gateway } of sides) await notReady(gateway, "not connected", NOTICED_MS);
}
while (Date.now() - startMs < blackholeMs) {
  await new Promise((go) => setTimeout(go, Math.min(SIGN_OF_LIFE_MS, blackholeMs - (Date.now() - startMs))));
  for (const { device } of sides) await device.settle();
}
await nft("delete table inet blackhole\n");
await sendAll(401, 600);
for (const { level } of sides) {
  await sub.until((line) => line === `tidegate/${level}/dev/event 600`);
}
for (const { form, level } of sides) {
  const numbers = numbersIn(
    { lines: sub.lines.filter((line) => line.startsWith(`tidegate/${level}/`)) },
    "dev",
  );
  const repeated = assertComplete(numbers, 600);
  console.log(
    `${form.name}: 600 events, ${blackholeMs / 1_000} s without an answer, 0 lost, ${repeated} repeated`,
  );
}
for (const { gateway } of sides) await ready(gateway);

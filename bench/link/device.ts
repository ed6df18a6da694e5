/**
 * The source of the link benchmark: publishes over a WebSocket at the gateway's end of the link.
 *
 * `device.ts URL OPERATOR_TOKEN NAME TOPICS HZ BYTES`
 *
 * @module
 */
import { connectDevice } from "../../client/mod.ts";

const [url = "", operator = "", name = "", topics = "1", hz = "100", bytes = "200"] = Deno.args;
const answer = await fetch(`${url}/v1/devices`, {
  method: "POST",
  headers: { authorization: `Bearer ${operator}`, "content-type": "application/json" },
  body: JSON.stringify({ name }),
});
const { token } = await answer.json() as { token: string };
const device = connectDevice({ url, token, flushMs: 1 });
const channels = Array.from({ length: Number(topics) }, (_, i) => device.channel({ topic: `t${i}` }));
await device.opened();
const payload = new Uint8Array(Number(bytes));
setInterval(() => {
  for (const channel of channels) channel.publish(payload);
}, 1_000 / Number(hz));

/**
 * A dashboard: what every device says of its temperature, and the alarms of the last hour.
 *
 * Run it with the gateway's address and a token of `token create --role dashboard`:
 * `deno run --allow-net examples/dashboard.ts http://127.0.0.1:8080 TOKEN`, or `bun examples/dashboard.ts …`.
 *
 * @module
 */
import process from "node:process";
import { connectDashboard } from "../client/mod.ts";

const [url = "http://127.0.0.1:8080", token = "", samples = "10"] = process.argv.slice(2);
const dash = connectDashboard({ url, token, client: "example-dashboard/1" });

dash.subscribe("+/alarms", {
  from: { time: -3_600_000_000 },
  onSample: (alarm) =>
    console.log(alarm.topic, JSON.stringify(alarm.value), alarm.recorded ? "recorded" : "live"),
  onGap: ({ topic, from, to, reason }) => console.log(topic, `lost ${from} to ${to}: ${reason}`),
});

let left = Number(samples);
for await (const sample of dash.subscribe("+/temperature", { maxHz: 20 })) {
  const { unit } = sample.channel;
  console.log(sample.topic, sample.value, unit, `${dash.delayMs(sample).toFixed(1)} ms old`);
  if (--left === 0) break;
}
dash.close();

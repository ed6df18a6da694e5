/**
 * A device: a temperature ten times a second, alarms that must not get lost, a set point and a command.
 *
 * Run it with the gateway's address and the token of `device add`:
 * `deno run --allow-net examples/device.ts http://127.0.0.1:8080 TOKEN`, or `bun examples/device.ts …`.
 *
 * @module
 */
import process from "node:process";
import { connectDevice } from "../client/mod.ts";

const [url = "http://127.0.0.1:8080", token = "", readings = "50"] = process.argv.slice(2);
const device = connectDevice({ url, token, client: "example-device/1" });
device.onStatus((status) => console.log("status", status.state));

const temperature = device.channel({ topic: "temperature", encoding: "f64", unit: "°C" });
const alarms = device.channel({ topic: "alarms", class: "event", encoding: "json" });
let target = 20;
device.channel({
  topic: "target",
  encoding: "f64",
  writable: true,
  onWrite: (value) => void (target = value as number),
});
device.channel({
  topic: "identify",
  class: "event",
  encoding: "utf8",
  writable: true,
  onWrite: (who) => `hello ${who}, I am ${device.name}, heating to ${target}`,
});

for (let i = 0; i < Number(readings); i++) {
  const celsius = target + 3 * Math.sin(i / 5);
  temperature.publish(celsius);
  if (celsius > target + 2.9) console.log("alarm", await alarms.publish({ level: "high", celsius }));
  await new Promise((resolve) => setTimeout(resolve, 100));
}
await device.close();

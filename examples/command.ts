/**
 * Writes to a device: a set point, which it gets now or when it comes back, and a command, which it answers.
 *
 * Run it with the gateway's address, a token that may write, and the device's name:
 * `deno run --allow-net examples/command.ts http://127.0.0.1:8080 TOKEN DEVICE`, or `bun examples/command.ts …`.
 *
 * @module
 */
import process from "node:process";
import { connectDashboard, RefusedError } from "../client/mod.ts";

const [url = "http://127.0.0.1:8080", token = "", device = "d1"] = process.argv.slice(2);
const dash = connectDashboard({ url, token, client: "example-command/1" });
try {
  const target = await dash.write(`${device}/target`, 23.5);
  console.log("target", target.status);
  const answer = await dash.write(`${device}/identify`, "operator", { timeoutMs: 20_000 });
  console.log("identify", answer.status, answer.value ?? answer.message);
} catch (error) {
  if (!(error instanceof RefusedError)) throw error;
  console.log("refused", error.code);
}
dash.close();

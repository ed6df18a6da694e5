/** A device over aiortc, written in Python from the specification alone, against every shipped form of the gateway. */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { connectDashboard } from "../../client/mod.ts";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { python } from "../support/python.ts";

const DEVICE = fileURLToPath(new URL("../protocol/python/rtc_device.py", import.meta.url));
const SAMPLES = 200;

eachForm(({ test }) => {
  test("a Python device sends its state over WebRTC and its last value arrives", async (gateway) => {
    const name = uniqueName("aiortc");
    const token = await operator.addDevice(gateway, name);
    using dashboard = connectDashboard({ url: gateway.url, token: gateway.token });
    const values: number[] = [];
    const ways: string[] = [];
    dashboard.subscribe(`${name}/#`, {
      onSample(sample) {
        if (sample.topic.endsWith("/state")) values.push(sample.value as number);
        else ways.push((sample.value as unknown as { transport?: string }).transport ?? "gone");
      },
    });
    const url = `${gateway.url.replace(/^http/, "ws")}/v1/device`;
    const { code, stdout, stderr } = await python([
      DEVICE,
      "--url",
      url,
      "--token",
      token,
      "--samples",
      `${SAMPLES}`,
    ]);
    assertEquals(code, 0, stdout + stderr);
    const summary = JSON.parse(stdout) as { sent: number; confirmed: number };
    assertEquals(summary.confirmed, SAMPLES);
    assertEquals(values.at(-1), SAMPLES);
    assert(values.every((value, i) => i === 0 || value > values[i - 1]!), "state goes backwards");
    assertEquals(ways.slice(0, 2), ["websocket", "webrtc"]);
  });
});

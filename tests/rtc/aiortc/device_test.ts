/** A device on WebRTC that shares no code with ours, against every shipped form of the gateway. */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { eachForm, uniqueName } from "../../support/each_form.ts";
import { networkTest } from "../../support/link/network_case.ts";
import { Network } from "../../support/link/network.ts";
import { GatewayProcess, runCommand } from "../../support/gateway_process.ts";
import { shippedForms } from "../../support/forms.ts";
import { operator } from "../../support/operator.ts";
import { DashboardPeer } from "../../support/peer.ts";
import { python } from "../../support/python.ts";

const DEVICE = fileURLToPath(new URL("./device.py", import.meta.url));
const SAMPLES = 300;

/** After so long the device hangs, on any machine, in seconds. */
const TIMEOUT_S = 200;

/** What the device says of itself at its end. */
interface Summary {
  moves: string[];
  errors: unknown[];
  rejected: string[];
  unacked: number;
  byLane: number;
}

function argumentsFor(url: string, token: string): string[] {
  const target = `${url.replace(/^http/, "ws")}/v1/device`;
  return [DEVICE, "--url", target, "--token", token, "--samples", `${SAMPLES}`, "--timeout", `${TIMEOUT_S}`];
}

/** The last line that the device prints. */
function summaryIn(stdout: string): Summary {
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as Summary;
}

/** The f64 that a payload is. */
function numberIn(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getFloat64(0, true);
}

eachForm(({ test }) => {
  test("an aiortc device streams state on the lane with confirmations, and events beside it", async (gateway) => {
    const name = uniqueName("aiortc");
    const token = await operator.addDevice(gateway, name);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    const { code, stdout, stderr } = await python(argumentsFor(gateway.url, token));
    assertEquals(code, 0, `${stdout}${stderr}`);
    const summary = summaryIn(stdout);
    assertEquals([summary.moves[0], summary.unacked, summary.errors, summary.rejected], [
      "webrtc",
      0,
      [],
      [],
    ]);
    // without confirmations it would have left the lane again, and not have waited for that of the last one
    assert(summary.byLane > 0, stdout);
    const seen = (topic: string) =>
      dashboard.samples.filter((sample) => sample.topic === `${name}/${topic}`).map(({ payload }) =>
        numberIn(payload)
      );
    await dashboard.until(
      () => seen("event").length >= SAMPLES && seen("state").at(-1) === SAMPLES,
      "the last",
    );
    assertEquals(seen("event"), Array.from({ length: SAMPLES }, (_, i) => i + 1));
    const states = seen("state");
    assert(states.every((value, i) => i === 0 || value >= states[i - 1]!), "an old value after a newer one");
    const ways = dashboard.samples.filter((sample) => sample.topic === `${name}/$status`)
      .map(({ payload }) =>
        (JSON.parse(new TextDecoder().decode(payload)) as { transport?: string }).transport
      );
    assert(ways.includes("webrtc"), `the device's status never said webrtc: ${ways}`);
  });
});

for (const form of shippedForms().filter(({ name }) => name.endsWith("source"))) {
  networkTest(
    `[${form.name}] an aiortc device ends up with its last state confirmed over a link that loses 10 %`,
    async () => {
      await using network = await Network.start(["gateway", "device"], { delayMs: 20 });
      const side = network.side("gateway");
      const listen = ["--listen", `${side.address}:0`, "--insecure-listen", "--mqtt-listen", "off"];
      await using gateway = await GatewayProcess.start(side.form(form), { args: listen });
      const added = await runCommand(side.form(form), [
        "device",
        "add",
        "dev",
        "--json",
        "--data",
        gateway.data,
      ]);
      const { token } = JSON.parse(added.stdout) as { token: string };
      const { program, args } = network.side("device").command("/usr/bin/python3", [
        "-B",
        ...argumentsFor(gateway.url, token),
      ]);
      const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "inherit" })
        .spawn();
      let printed = "";
      const decoder = new TextDecoder();
      for await (const bytes of child.stdout) {
        // aiortc sends a handshake's lost packet a second time only after long, so loss begins behind it
        if (printed === "") await network.set({ loss: 0.1 });
        printed += decoder.decode(bytes, { stream: true });
      }
      assertEquals((await child.status).code, 0, printed);
      const summary = summaryIn(printed);
      const { lost } = await network.counts();
      assert(lost > 0, "nothing was lost, so nothing was proven");
      assertEquals([summary.moves[0], summary.unacked, summary.errors], ["webrtc", 0, []]);
    },
  );
}

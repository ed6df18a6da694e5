/** A device whose WebRTC is not Chromium's: UDP that dies and comes back, lanes that are closed, another address. */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../support/gateway_process.ts";
import { type Form, shippedForms } from "../../support/forms.ts";
import { networkTest } from "../../support/link/network_case.ts";
import { LineProgram } from "../../support/line_program.ts";
import type { Side } from "../../support/link/network.ts";
import { Site } from "../../support/link/site.ts";
import type { Watched } from "../../support/link/watcher.ts";
import type { RtcPackage } from "../../support/rtc_peer.ts";

const SUPPORT = new URL("../../support/link/", import.meta.url);
const DEVICE = new URL("moving_device.ts", import.meta.url);
const NODE = Deno.env.get("TIDEGATE_TEST_NODE") ?? "node";
const LINK = { delayMs: 10 };
const OTHER_ADDRESS = "10.77.0.66";

const AIORTC = fileURLToPath(new URL("../aiortc/device.py", import.meta.url));

/** A hundred a second, for longer than aiortc's SCTP waits before it tries a path again. */
const AIORTC_SAMPLES = 2_500;

/** Moves take seconds each: for the long run. */
const SOAK = Deno.env.get("TIDEGATE_SOAK") === "1";
const FORMS = SOAK ? shippedForms().filter(({ name }) => name.endsWith("source")) : [];
const PACKAGES: readonly RtcPackage[] = ["werift", "node-datachannel", "@roamhq/wrtc"];

/** A running device, and how to wait for the ways that its states take. */
interface Moving {
  site: Site;
  /** Waits for a change to this way behind those that were waited for. */
  way(wanted: "webrtc" | "websocket" | "no lane"): Promise<void>;
  closeLane(): Promise<void>;
}

/** Starts a program on a side. */
function on(side: Side, program: string, args: string[]): LineProgram {
  const command = side.command(program, args);
  return LineProgram.start(command.program, command.args);
}

/** Starts one of ours on Node, which packages with native code are made for. */
function ours(side: Side, module: URL, args: string[]): LineProgram {
  return on(side, NODE, [fileURLToPath(module), ...args]);
}

/** What a dashboard has of the device once this number has come as state and as event. */
async function watched(site: Site, last: string): Promise<Watched> {
  const { url, token } = site.gateway;
  const watcher = new URL("watcher.ts", SUPPORT);
  await using dashboard = ours(site.gatewaySide, watcher, [url, token, "dev", last]);
  return JSON.parse(await dashboard.end());
}

/** Streams, moves, and looks whether all events and the last state have come, in order. */
async function streaming(form: Form, rtc: RtcPackage, moves: (moving: Moving) => Promise<void>) {
  await using site = await Site.start(form, { profile: LINK });
  const { url, token } = site.gateway;
  await using device = ours(site.clientSide, DEVICE, [url, token, "dev", rtc]);
  let line = 0;
  const way = async (wanted: string) => void (line = await device.until((one) => one === wanted, line));
  await way("webrtc");
  await moves({ site, way, closeLane: () => device.say("close") });
  const last = await device.end();
  const { states, events, gaps } = await watched(site, last);
  assertEquals(gaps, 0);
  assertEquals(events, Array.from({ length: Number(last) / events[0]! }, (_, i) => events[0]! * (i + 1)));
  assert(states.every((one, i) => i === 0 || one > states[i - 1]!), "state goes backwards, or came twice");
}

async function blockUdp(site: Site, blocked: boolean): Promise<void> {
  for (const side of [site.gatewaySide, site.clientSide]) await side.blockUdp(blocked);
}

for (const form of FORMS) {
  for (const rtc of PACKAGES) {
    networkTest(
      `[${form.name}] a device on ${rtc} loses and repeats no event when UDP dies, comes back, and its lane is closed`,
      () =>
        streaming(form, rtc, async ({ site, way, closeLane }) => {
          await blockUdp(site, true);
          await way("websocket");
          await blockUdp(site, false);
          await way("webrtc");
          await closeLane();
          await way("websocket");
          await way("webrtc");
        }),
    );
  }
}

for (const form of FORMS) {
  for (const rtc of PACKAGES) {
    networkTest(
      `[${form.name}] a device on ${rtc} without UDP for longer than a lane lasts sets up another`,
      () =>
        streaming(form, rtc, async ({ site, way }) => {
          await blockUdp(site, true);
          await way("websocket");
          await way("no lane");
          await blockUdp(site, false);
          await way("webrtc");
        }),
    );

    networkTest(
      `[${form.name}] a device on ${rtc} whose address changes loses and repeats no event`,
      () =>
        streaming(form, rtc, async ({ site, way }) => {
          await site.clientSide.readdress(OTHER_ADDRESS);
          await way("websocket");
          await way("webrtc");
        }),
    );
  }
}

for (const form of FORMS) {
  networkTest(
    `[${form.name}] a device on aiortc loses and repeats no event when UDP dies and comes back`,
    async () => {
      await using site = await Site.start(form, { profile: LINK });
      const data = ["--json", "--data", site.gateway.data];
      const added = await runCommand(site.gatewaySide.form(form), ["device", "add", "dev", ...data]);
      const { token } = JSON.parse(added.stdout) as { token: string };
      const target = `${site.gateway.url.replace(/^http/, "ws")}/v1/device`;
      const args = ["--url", target, "--token", token, "--samples", `${AIORTC_SAMPLES}`, "--timeout", "90"];
      await using device = on(site.clientSide, "/usr/bin/python3", ["-B", AIORTC, ...args]);
      const moved = (to: string, from: number) =>
        device.until((line) => (JSON.parse(line) as { moved?: string }).moved === to, from);
      const up = await moved("webrtc", 0);
      await blockUdp(site, true);
      const down = await moved("websocket", up);
      await blockUdp(site, false);
      await moved("webrtc", down);
      const { unacked, errors } = JSON.parse(await device.end()) as { unacked: number; errors: unknown[] };
      assertEquals([unacked, errors], [0, []]);
      const { states, events, gaps } = await watched(site, `${AIORTC_SAMPLES}`);
      assertEquals(gaps, 0);
      assertEquals(events, Array.from({ length: AIORTC_SAMPLES }, (_, i) => i + 1));
      assert(states.every((one, i) => i === 0 || one >= states[i - 1]!), "state goes backwards");
    },
  );
}

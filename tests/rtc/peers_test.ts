/** Many peers at a time, and peers that come and go: nothing of them stays behind. */
import { assert } from "@std/assert";
import { connectDevice } from "../../client/mod.ts";
import { eachForm, uniqueName } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { dashboardOverRtc } from "../support/rtc_peer.ts";

const SOAK = Deno.env.get("TIDEGATE_SOAK") === "1";
const PEERS = SOAK ? 50 : 8;
const CYCLES = SOAK ? 1_000 : 12;

/** A socket or timer more is not a leak; one for every cycle is. */
const SLACK_FILES = 4;

/** Bytes that a cycle may leave behind: what the allocator keeps. */
const SLACK_BYTES_PER_CYCLE = SOAK ? 40_000 : 4_000_000;

/** Waits until the gateway has let go of what it will let go of, or for five seconds. */
async function filesSettle(gateway: GatewayProcess, atMost: number): Promise<number> {
  for (let i = 0; i < 50 && gateway.openFiles() > atMost; i++) {
    await new Promise((done) => setTimeout(done, 100));
  }
  return gateway.openFiles();
}

eachForm(({ test }) => {
  test(`${PEERS} peers at a time get every newest value over WebRTC`, async (gateway) => {
    const name = uniqueName("rtc");
    const device = connectDevice({ url: gateway.url, token: await operator.addDevice(gateway, name) });
    const channel = device.channel({ topic: "state", encoding: "f64" });
    await device.opened();
    const { token } = await operator.dashboardToken(gateway);
    const dashboards = [];
    for (let i = 0; i < PEERS; i++) dashboards.push(await dashboardOverRtc(gateway.url, token));
    const last = 100;
    const finished = dashboards.map((dashboard) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      dashboard.subscribe(`${name}/state`, { onSample: (sample) => sample.value === last && resolve() });
      return promise;
    });
    for (let i = 1; i <= last; i++) {
      channel.publish(i);
      await new Promise((done) => setTimeout(done, 20));
    }
    await Promise.all(finished);
    const open = await operator.sessions(gateway, { role: "dashboard", limit: String(PEERS) });
    // all were there; on a busy machine one or the other may be on the WebSocket for a moment
    const over = open.filter(({ transport }) => transport === "webrtc").length;
    assert(over >= 0.8 * PEERS, `${over} of ${PEERS} over WebRTC`);
    for (const dashboard of dashboards) dashboard.close();
    await device.close();
  });

  test(`${CYCLES} peers that come and go leave no socket and no memory behind`, async (gateway) => {
    const { token } = await operator.dashboardToken(gateway);
    (await dashboardOverRtc(gateway.url, token)).close();
    const files = await filesSettle(gateway, 0);
    const memory = await gateway.memoryBytes();
    for (let i = 0; i < CYCLES; i++) (await dashboardOverRtc(gateway.url, token)).close();
    const filesAfter = await filesSettle(gateway, files + SLACK_FILES);
    const grown = (await gateway.memoryBytes() - memory) / CYCLES;
    if (SOAK) {
      console.log(`${files} files before, ${filesAfter} after; ${(grown / 1e3).toFixed(0)} kB a cycle`);
    }
    assert(
      filesAfter <= files + SLACK_FILES,
      `${filesAfter} open files after ${CYCLES} peers, ${files} before`,
    );
    assert(grown <= SLACK_BYTES_PER_CYCLE, `${Math.round(grown)} bytes of memory a cycle`);
  });
});

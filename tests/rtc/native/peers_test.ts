/**
 * WebRTC by others' native code against the gateway: as dashboard and as device at once, many peers at a time, and
 * peers that come and go, of which nothing stays behind.
 */
import { assert, assertEquals } from "@std/assert";
import { connectDevice } from "../../../client/mod.ts";
import { eachForm, uniqueName } from "../../support/each_form.ts";
import type { GatewayProcess } from "../../support/gateway_process.ts";
import { LineProgram } from "../../support/line_program.ts";
import { type Json, operator } from "../../support/operator.ts";
import type { RtcPackage } from "../../support/rtc_peer.ts";
import type { Carried, Job } from "./clients.ts";

/** werift itself, which the gateway is built on, is the client in other tests. */
const NATIVE: readonly RtcPackage[] = ["node-datachannel", "@roamhq/wrtc"];

const NODE = Deno.env.get("TIDEGATE_TEST_NODE") ?? "node";
const PROGRAM = new URL("clients.ts", import.meta.url).pathname;

/** Starts the program with others' WebRTC. */
function clients(job: Job): LineProgram {
  return LineProgram.start(NODE, [PROGRAM, JSON.stringify(job)]);
}

const STATES = 100;

/** An event goes with every so many states. */
const STATES_PER_EVENT = 5;

eachForm(({ form, test }) => {
  if (!form.name.endsWith("source")) return; // what differs between the forms is not in the wire
  for (const name of NATIVE) {
    test(`${name} carries a device's state to a dashboard, the last value and every event included`, async (gateway) => {
      const device = uniqueName("rtc");
      const deviceToken = await operator.addDevice(gateway, device);
      const { token: dashboardToken } = await operator.dashboardToken(gateway);
      await using program = clients({
        kind: "carry",
        rtc: name,
        url: gateway.url,
        device,
        deviceToken,
        dashboardToken,
        last: STATES,
        statesPerEvent: STATES_PER_EVENT,
      });
      await program.until((line) => line.startsWith("{"));
      const recorded = await endedSessions(gateway);
      const { states, events }: Carried = JSON.parse(await program.end());
      assertEquals(states, states.toSorted((a, b) => a - b), "an old value came after a newer one");
      assertEquals(new Set(states).size, states.length, "a value came twice");
      assert(events.length <= STATES / STATES_PER_EVENT, "an event came twice");
      // the first ones may have been before the subscription
      const expected = Array.from({ length: events.length }, (_, i) => STATES - STATES_PER_EVENT * i)
        .reverse();
      assertEquals(events, expected);
      for (const { id, role } of recorded) {
        const moves = await movesOf(gateway, String(id));
        assert(moves.includes("webrtc"), `the ${role}'s moves: ${moves}`);
      }
    });
  }
});

/** The last device's and dashboard's sessions, once they are over. */
async function endedSessions(gateway: GatewayProcess): Promise<Json[]> {
  for (;;) {
    const sessions = await operator.sessions(gateway, { limit: "2" });
    if (sessions.every(({ endedAt }) => endedAt !== null)) return sessions;
    await pause(20);
  }
}

/** Where a session's state went, in order. */
async function movesOf(gateway: GatewayProcess, session: string): Promise<unknown[]> {
  const { events } = await operator.get(gateway, `/v1/sessions/${session}/events`) as {
    events: { kind: string; detail: Json }[];
  };
  return events.filter(({ kind }) => kind === "moved").map(({ detail }) => detail["to"]);
}

const SOAK = Deno.env.get("TIDEGATE_SOAK") === "1";
const PEERS = SOAK ? 50 : 8;
const CYCLES = SOAK ? 1_000 : 12;

/** Cycles before the first look: caches fill, code is compiled. */
const WARM_CYCLES = SOAK ? 1_000 : 4;

/** A socket or timer more is not a leak; one for every cycle is. */
const SLACK_FILES = 4;

/** Bytes that a cycle may leave behind: what the allocator keeps. */
const SLACK_BYTES_PER_CYCLE = SOAK ? 80_000 : 4_000_000;

/** How long the gateway is left alone to see what it does for nobody, in milliseconds. */
const IDLE_MS = SOAK ? 5_000 : 0;

/** CPU time a second of an idle gateway: a timer that was left behind for each of a thousand peers takes more. */
const IDLE_CPU_SHARE = 0.05;

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** What a gateway holds. */
interface Holding {
  files: number;
  memory: number;
  /** Share of a core that it uses while nobody is connected. */
  idleCpu: number;
}

/** Waits until the gateway has let go of its UDP sockets, and looks at what it holds. */
async function holding(gateway: GatewayProcess): Promise<Holding> {
  await gateway.until(() => gateway.udpPorts().length === 0, "an end of its UDP sockets");
  const cpu = gateway.cpuSeconds();
  await pause(IDLE_MS);
  return {
    files: gateway.openFiles(),
    memory: await gateway.memoryBytes(),
    idleCpu: IDLE_MS === 0 ? 0 : (gateway.cpuSeconds() - cpu) * 1_000 / IDLE_MS,
  };
}

async function comeAndGo({ url }: GatewayProcess, token: string, cycles: number): Promise<void> {
  await using program = clients({ kind: "come and go", url, token, cycles });
  await program.end();
}

function shown({ files, memory, idleCpu }: Holding): string {
  return `${files} files, ${(memory / 1e6).toFixed(0)} MB, ${(100 * idleCpu).toFixed(1)} % CPU`;
}

eachForm(({ form, test, alone }) => {
  test(`${PEERS} peers at a time get every newest value over WebRTC`, async (gateway) => {
    const name = uniqueName("rtc");
    const device = connectDevice({ url: gateway.url, token: await operator.addDevice(gateway, name) });
    const channel = device.channel({ topic: "state", encoding: "f64" });
    await device.opened();
    const { token } = await operator.dashboardToken(gateway);
    const before = await holding(gateway);
    const last = 100;
    const topic = `${name}/state`;
    await using program = clients({ kind: "watch", url: gateway.url, token, topic, last, dashboards: PEERS });
    await program.until((line) => line === "there");
    for (let i = 1; i <= last; i++) {
      channel.publish(i);
      await pause(20);
    }
    await program.until((line) => line === "finished");
    // all were there; on a busy machine one or the other may be on the WebSocket for a moment
    for (const { id } of await operator.sessions(gateway, { role: "dashboard", limit: String(PEERS) })) {
      const moves = await movesOf(gateway, String(id));
      assertEquals(moves[0], "webrtc", `the moves of ${id}: ${moves}`);
    }
    const during = { udp: gateway.udpPorts().length, memory: await gateway.memoryBytes() };
    assert(during.udp > 0, "the gateway has no UDP socket");
    await program.end();
    await device.close();
    const after = await holding(gateway); // which it comes to when all UDP sockets are gone
    if (SOAK) {
      console.log(
        `${form.name}, ${PEERS} peers: ${shown(before)} before; ${during.udp} UDP sockets, ${
          (during.memory / 1e6).toFixed(0)
        } MB with all; ${shown(after)} after`,
      );
    }
  });

  alone(`${CYCLES} peers that come and go leave no socket and no memory behind`, async (start) => {
    const gateway = await start();
    const { token } = await operator.dashboardToken(gateway);
    await comeAndGo(gateway, token, WARM_CYCLES);
    const before = await holding(gateway);
    await comeAndGo(gateway, token, CYCLES);
    const mostFiles = before.files + SLACK_FILES;
    await gateway.until(() => gateway.openFiles() <= mostFiles, `${mostFiles} open files or less`);
    const after = await holding(gateway);
    if (SOAK) console.log(`${form.name}, ${CYCLES} cycles: ${shown(before)} before; ${shown(after)} after`);
    const grown = (after.memory - before.memory) / CYCLES;
    assert(grown <= SLACK_BYTES_PER_CYCLE, `${Math.round(grown)} bytes of memory a cycle`);
    assert(after.idleCpu <= IDLE_CPU_SHARE, `${after.idleCpu} of a core with nobody connected`);
  });
});

/**
 * Clients on the SDK with the WebRTC of native code, as a program of their own on Node, which that code is made for: in
 * Deno it crashed the process of the tests now and then, when their isolate ended.
 *
 * ```sh
 * node clients.ts '{"kind":"come and go","url":"http://127.0.0.1:8080","token":"…","cycles":10}'
 * ```
 *
 * @module
 */
import process from "node:process";
import { connectDevice, type Dashboard } from "../../../client/mod.ts";
import { dashboardOverRtc, rtcEnvironment, type RtcPackage, way } from "../../support/rtc_peer.ts";

/** What the program is asked to do. */
export type Job = CarryJob | WatchJob | ComeAndGoJob;

/** A device on `device/state` and `device/event` counts up to `last`; a dashboard prints what it got of it. */
export interface CarryJob {
  kind: "carry";
  rtc: RtcPackage;
  url: string;
  device: string;
  deviceToken: string;
  dashboardToken: string;
  last: number;
  /** An event goes with every so many states. */
  statesPerEvent: number;
}

/** Numbers that a dashboard got, in their order. */
export interface Carried {
  states: number[];
  events: number[];
}

/**
 * Dashboards on one topic: prints "there" when all are on WebRTC, "finished" when all have got `last`, and lets them go
 * at the end of its standard input.
 */
export interface WatchJob {
  kind: "watch";
  url: string;
  token: string;
  topic: string;
  last: number;
  dashboards: number;
}

/** Dashboards of which each is let go as soon as it is on WebRTC. */
export interface ComeAndGoJob {
  kind: "come and go";
  url: string;
  token: string;
  cycles: number;
}

/** Dashboards that connect at a time. */
const AT_A_TIME = 4;

async function someAtATime(times: number, each: () => Promise<void>): Promise<void> {
  let left = times;
  const one = async () => {
    while (left-- > 0) await each();
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
}

/** libdatachannel costs least. */
const overRtc = (url: string, token: string) => dashboardOverRtc(url, token, "node-datachannel");

async function carry({ rtc, url, device, deviceToken, dashboardToken, last, statesPerEvent }: CarryJob) {
  const source = connectDevice({ url, token: deviceToken, environment: await rtcEnvironment(rtc) });
  const state = source.channel({ topic: "state", encoding: "f64" });
  const event = source.channel({ topic: "event", class: "event", encoding: "f64" });
  const [dashboard] = await Promise.all([dashboardOverRtc(url, dashboardToken, rtc), way(source, "webrtc")]);
  const states: number[] = [];
  const events: number[] = [];
  const finished = Promise.withResolvers<void>();
  dashboard.subscribe(`${device}/#`, {
    onSample({ topic, value }) {
      if (topic === `${device}/state`) states.push(value as number);
      else if (topic === `${device}/event`) events.push(value as number);
      if (states.at(-1) === last && events.at(-1) === last) finished.resolve();
    },
  });
  for (let i = 1; i <= last; i++) {
    state.publish(i);
    if (i % statesPerEvent === 0) void event.publish(i);
    await new Promise((done) => setTimeout(done, 5));
  }
  await finished.promise;
  dashboard.close();
  await source.close();
  const carried: Carried = { states, events };
  console.log(JSON.stringify(carried));
  for await (const _ of process.stdin); // its connections live until the gateway has heard of the end
}

async function watch({ url, token, topic, last, dashboards }: WatchJob): Promise<void> {
  const connected: Dashboard[] = [];
  await someAtATime(dashboards, async () => {
    connected.push(await overRtc(url, token));
  });
  const finished = connected.map((dashboard) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    dashboard.subscribe(topic, { onSample: (sample) => sample.value === last && resolve() });
    return promise;
  });
  console.log("there");
  await Promise.all(finished);
  console.log("finished");
  for await (const _ of process.stdin);
  for (const dashboard of connected) dashboard.close();
}

async function comeAndGo({ url, token, cycles }: ComeAndGoJob): Promise<void> {
  await someAtATime(cycles, async () => (await overRtc(url, token)).close());
}

async function main(job: Job): Promise<void> {
  switch (job.kind) {
    case "carry":
      return await carry(job);
    case "watch":
      return await watch(job);
    case "come and go":
      return await comeAndGo(job);
  }
}

await main(JSON.parse(process.argv[2]!));
(await import("node-datachannel")).cleanup(); // its threads would keep the process

/**
 * A dashboard for one side of a network, as a program of its own: notes what a device has published on its topics
 * `state` and `event` in the last minute and publishes from here on, until the number `LAST` has come on both, and
 * prints that.
 *
 * ```sh
 * node watcher.ts http://10.77.0.1:8080 TOKEN DEVICE LAST
 * ```
 *
 * @module
 */
import process from "node:process";
import { connectDashboard } from "../../../client/mod.ts";

/** What was seen, in order of arrival. */
export interface Watched {
  states: number[];
  events: number[];
  gaps: number;
}

const LAST_MINUTE_US = -60_000_000;

async function main(url: string, token: string, device: string, last: number): Promise<void> {
  const watched: Watched = { states: [], events: [], gaps: 0 };
  const dashboard = connectDashboard({ url, token, environment: { RTCPeerConnection: undefined } });
  const complete = Promise.withResolvers<void>();
  dashboard.subscribe(`${device}/#`, {
    from: { time: LAST_MINUTE_US },
    onGap: () => watched.gaps++,
    onSample({ topic, value }) {
      if (topic === `${device}/state`) watched.states.push(value as number);
      if (topic === `${device}/event`) watched.events.push(value as number);
      if (watched.events.at(-1) === last && watched.states.at(-1) === last) complete.resolve();
    },
  });
  await complete.promise;
  dashboard.close();
  console.log(JSON.stringify(watched));
}

await main(process.argv[2]!, process.argv[3]!, process.argv[4]!, Number(process.argv[5]));

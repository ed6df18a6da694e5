/** WebRTC by others' native code, as dashboard and as device at once, against the gateway on both runtimes. */
import { assert, assertEquals } from "@std/assert";
import { connectDevice } from "../../client/mod.ts";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { dashboardOverRtc, peerConnectionOf, type RtcPackage, way } from "../support/rtc_peer.ts";

/** werift itself, which the gateway is built on, is the client in other tests. */
const NATIVE: readonly RtcPackage[] = ["node-datachannel", "@roamhq/wrtc"];

const STATES = 100;

/** An event goes with every so many states. */
const STATES_PER_EVENT = 5;

eachForm(({ form, test }) => {
  if (!form.name.endsWith("source")) return; // what differs between the forms is not in the wire
  for (const name of NATIVE) {
    test(`${name} carries a device's state to a dashboard, the last value and every event included`, async (gateway) => {
      const device = uniqueName("rtc");
      const environment = { RTCPeerConnection: await peerConnectionOf(name) };
      const token = await operator.addDevice(gateway, device);
      const source = connectDevice({ url: gateway.url, token, environment });
      const state = source.channel({ topic: "state", encoding: "f64" });
      const event = source.channel({ topic: "event", class: "event", encoding: "f64" });
      const [dashboard] = await Promise.all([
        operator.dashboardToken(gateway).then(({ token }) => dashboardOverRtc(gateway.url, token, name)),
        way(source, "webrtc"),
      ]);
      const states: number[] = [];
      const events: number[] = [];
      const moves: unknown[] = [];
      dashboard.onStatus((status) => status.state === "open" && moves.push(status.transport));
      const finished = Promise.withResolvers<void>();
      dashboard.subscribe(`${device}/#`, {
        onSample({ topic, value }) {
          if (topic === `${device}/state`) states.push(value as number);
          else if (topic === `${device}/event`) events.push(value as number);
          if (states.at(-1) === STATES && events.at(-1) === STATES) finished.resolve();
        },
      });
      for (let i = 1; i <= STATES; i++) {
        state.publish(i);
        if (i % STATES_PER_EVENT === 0) void event.publish(i);
        await new Promise((done) => setTimeout(done, 5));
      }
      await finished.promise;
      assertEquals(states, states.toSorted((a, b) => a - b), "an old value came after a newer one");
      assertEquals(new Set(states).size, states.length, "a value came twice");
      assert(events.length <= STATES / STATES_PER_EVENT, "an event came twice");
      // the first ones may have been before the subscription
      const expected = Array.from({ length: events.length }, (_, i) => STATES - STATES_PER_EVENT * i)
        .reverse();
      assertEquals(events, expected);
      const recorded = await operator.sessions(gateway, { limit: "2" });
      assertEquals(recorded.map(({ transport }) => transport), ["webrtc", "webrtc"]);
      dashboard.close();
      await source.close();
    });
  }
});

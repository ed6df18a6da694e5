/**
 * A device on the SDK with a package's WebRTC, as a program of its own: counts up on its topics `state` (100 a second)
 * and `event` (every fifth number). Prints each way that its states take, and `no lane` when it has given its data channel up; closes its data channels at each line of its
 * standard input. When that ends, it stops at a number that is an event too, and prints it once the event is on disk.
 *
 * ```sh
 * node moving_device.ts http://10.77.0.1:8080 OPERATORS_TOKEN DEVICE node-datachannel
 * ```
 *
 * @module
 */
import process from "node:process";
import { connectDevice } from "../../../client/mod.ts";
import { operator } from "../../support/operator.ts";
import type { DataChannelLike, PeerConnectionConstructor } from "../../../client/rtc_types.ts";
import { rtcEnvironment, type RtcPackage } from "../../support/rtc_peer.ts";

const EVERY_MS = 10;

/** An event goes with every so many states. */
const STATES_PER_EVENT = 5;

/** The package's peer connection, whose data channels are put into `channels`. */
function noting(
  PeerConnection: PeerConnectionConstructor,
  channels: Set<DataChannelLike>,
): PeerConnectionConstructor {
  return class extends PeerConnection {
    override createDataChannel(label: string, options: { ordered: boolean }): DataChannelLike {
      const channel = super.createDataChannel(label, options);
      channels.add(channel);
      return channel;
    }
  };
}

async function main(url: string, operatorToken: string, name: string, rtc: RtcPackage): Promise<void> {
  const token = await operator.addDevice({ url, token: operatorToken, diagnosis: () => "" }, name);
  const channels = new Set<DataChannelLike>();
  const environment = await rtcEnvironment(rtc);
  const RTCPeerConnection = noting(environment.RTCPeerConnection, channels);
  const device = connectDevice({ url, token, environment: { ...environment, RTCPeerConnection } });
  let way = "";
  device.onStatus((status) => {
    const now = status.state === "open" ? status.transport : status.state;
    if (now !== way) console.log(way = now);
    if (status.state === "open" && status.transportCause.startsWith("no WebRTC")) console.log("no lane");
  });
  const state = device.channel({ topic: "state", encoding: "f64" });
  const event = device.channel({ topic: "event", class: "event", encoding: "f64" });
  let number = 0;
  const timer = setInterval(() => {
    state.publish(++number);
    if (number % STATES_PER_EVENT === 0) void event.publish(number);
  }, EVERY_MS);
  for await (const _ of process.stdin) {
    for (const channel of channels) channel.close();
    channels.clear();
  }
  clearInterval(timer);
  number += STATES_PER_EVENT - number % STATES_PER_EVENT;
  state.publish(number);
  await event.publish(number);
  await device.close();
  console.log(number);
  process.exit(0); // native code keeps threads
}

await main(process.argv[2]!, process.argv[3]!, process.argv[4]!, process.argv[5] as RtcPackage);

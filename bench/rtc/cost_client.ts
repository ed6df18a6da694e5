/**
 * The receivers of the cost benchmark, over libdatachannel so that they keep up: a program of its own, on a core of
 * its own. Its one argument is a {@link CostJob}; it prints a {@link CostResult}.
 *
 * @module
 */
import process from "node:process";
import { RTCPeerConnection } from "node-datachannel/polyfill";
import { connectDashboard, connectDevice, type PeerConnectionConstructor } from "../../client/mod.ts";
import { Histogram } from "../load/histogram.ts";
import { cpuSeconds } from "../proc.ts";
import type { CostJob, CostResult, GatewayJob, PlainJob } from "./cost_job.ts";

/** Peers that connect at a time: the gateway takes 16 unfinished ones from one address. */
const AT_A_TIME = 8;

/** A confirmation's usual length, in bytes. */
const CONFIRM_BYTES = 10;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const count = { samples: 0, made: 0, messages: 0, messageBytes: 0, confirms: 0 };
const age = new Histogram();
let measuring = false;

type CountedChannel = ReturnType<RTCPeerConnection["createDataChannel"]>;

/** Counts what comes and goes over its channels. */
class CountingPeerConnection extends RTCPeerConnection {
  override createDataChannel(label: string, options?: RTCDataChannelInit): CountedChannel {
    const channel = super.createDataChannel(label, options);
    channel.addEventListener("message", (event) => {
      count.messages++;
      count.messageBytes += (event as MessageEvent<ArrayBuffer>).data.byteLength;
    });
    const send = channel.send.bind(channel);
    channel.send = (data: never) => {
      count.confirms++;
      send(data);
    };
    return channel;
  }
}

async function someAtATime(times: number, each: () => Promise<unknown>): Promise<void> {
  let left = times;
  const one = async () => {
    while (left-- > 0) await each();
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
}

/** Starts a device and the dashboards; resolves when all are on WebRTC. Returns how many are at a given moment. */
async function dashboards(job: GatewayJob): Promise<() => number> {
  const headers = { authorization: `Bearer ${job.token}`, "content-type": "application/json" };
  const response = await fetch(`${job.url}/v1/devices`, {
    method: "POST",
    headers,
    body: JSON.stringify({ name: "source" }),
  });
  const { token }: { token: string } = await response.json();
  const device = connectDevice({ url: job.url, token });
  const channels = Array.from(
    { length: job.topics },
    (_, i) => device.channel({ topic: `state/${i}`, encoding: "raw" }),
  );
  await device.opened();
  const payload = new Uint8Array(job.bytes);
  const view = new DataView(payload.buffer);
  const startMs = performance.now();
  let made = 0;
  const perTurn = job.pattern === "together" ? job.topics : 1;
  const perMs = job.topics * job.hz / 1_000;
  setInterval(() => {
    const due = Math.floor((performance.now() - startMs) * perMs / perTurn) * perTurn;
    for (; made < due; made++) {
      view.setFloat64(0, performance.now());
      channels[made % job.topics]!.publish(payload);
      count.made++;
    }
  }, 1);
  let over = 0;
  const environment = { RTCPeerConnection: CountingPeerConnection as unknown as PeerConnectionConstructor };
  await someAtATime(job.peers, async () => {
    const dashboard = connectDashboard({ url: job.url, token: job.token, environment });
    const arrived = Promise.withResolvers<void>();
    let is = false;
    dashboard.onStatus((status) => {
      const now = status.state === "open" && status.transport === "webrtc";
      if (now !== is) over += now ? 1 : -1;
      is = now;
      if (now) arrived.resolve();
      if (status.state === "closed") arrived.reject(new Error(status.reason));
    });
    dashboard.subscribe("source/#", {
      onSample({ topic, payload }) {
        if (topic.endsWith("$status")) return;
        count.samples++;
        if (!measuring) return;
        const sentMs = new DataView(payload.buffer, payload.byteOffset, 8).getFloat64(0);
        age.add(performance.now() - sentMs);
      },
    });
    await arrived.promise;
  });
  return () => over;
}

/** Connects to the plain sender and confirms now and then. */
async function plainPeers(job: PlainJob): Promise<() => number> {
  let over = 0;
  await someAtATime(job.peers, async () => {
    const connection = new CountingPeerConnection({ iceServers: [] });
    const channel = connection.createDataChannel("state", { ordered: false });
    channel.binaryType = "arraybuffer";
    const open = new Promise<void>((resolve) => channel.onopen = () => resolve());
    await connection.setLocalDescription(await connection.createOffer());
    while (connection.iceGatheringState !== "complete") await pause(5);
    const answer = await fetch(`${job.url}/offer`, {
      method: "POST",
      body: connection.localDescription!.sdp,
    });
    await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    await open;
    over++;
    setInterval(() => channel.send(new Uint8Array(CONFIRM_BYTES)), 1_000 / job.confirmsPerSecond);
  });
  return () => over;
}

async function main(job: CostJob): Promise<CostResult> {
  const overRtc = await (job.kind === "gateway" ? dashboards(job) : plainPeers(job));
  await pause(job.warmMs);
  const before = { ...count };
  const [startMs, cpu, own] = [performance.now(), cpuSeconds(job.pid), process.cpuUsage()];
  measuring = true;
  await pause(job.measureMs);
  measuring = false;
  const seconds = (performance.now() - startMs) / 1_000;
  const used = process.cpuUsage(own);
  const since = (name: keyof typeof count) => count[name] - before[name];
  return {
    seconds,
    senderCpu: cpuSeconds(job.pid) - cpu,
    receiverShare: (used.user + used.system) / 1e6 / seconds,
    samples: since("samples"),
    made: since("made"),
    messages: since("messages"),
    messageBytes: since("messageBytes"),
    confirms: since("confirms"),
    overRtc: overRtc(),
    ageP50: age.quantile(0.5),
    ageP99: age.quantile(0.99),
  };
}

console.log(JSON.stringify(await main(JSON.parse(process.argv[2]!))));
process.exit(0);

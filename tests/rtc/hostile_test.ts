/** Packets and descriptions that nobody honest sends: a session goes on, and the gateway keeps nothing of them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createSocket } from "node:dgram";
import { RTCPeerConnection } from "werift";
import { connectDashboard, connectDevice, type PeerConnectionConstructor } from "../../client/mod.ts";
import { eachForm, uniqueName } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { hostilePackets } from "../support/hostile_packets.ts";
import { operator, request } from "../support/operator.ts";
import { DashboardPeer } from "../support/peer.ts";
import { way } from "../support/rtc_peer.ts";

const FACTOR = Deno.env.get("TIDEGATE_SOAK") === "1" ? 50 : 1;
const SEED = 20_261_122;

/** Packets for each UDP socket of the gateway. */
const PACKETS = 1_500 * FACTOR;

/** Packets of its own that a client sends once more. */
const REPLAYED = 30;

/** Sent before the event loop gets a turn: the receiver's buffer takes that many. */
const BURST = 50;

/**
 * What an attack may add to memory in the end, in bytes. The first ones grow the heap to what the runtime thinks fit:
 * Deno takes 64 KB for each packet that it receives, and collects them when it likes.
 */
const MAX_GROWTH = 32_000_000;

/** Attacks after which memory must have come to rest. */
const ROUNDS = 6;

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Sends hostile packets to each port of this machine from an address that the gateway does not know. */
async function attack(ports: number[], seed: number): Promise<void> {
  const socket = createSocket("udp4");
  socket.on("error", () => {});
  const packets = hostilePackets(seed);
  for (let i = 0; i < PACKETS; i++) {
    const packet = packets.next().value as Uint8Array;
    for (const port of ports) socket.send(packet, port, "127.0.0.1");
    if (i % BURST === 0) await pause(1);
  }
  await new Promise<void>((closed) => socket.close(() => closed()));
}

/** Attacks again and again until memory does not grow any more. */
async function attackUntilSteady(gateway: GatewayProcess, seed: number): Promise<void> {
  let grown = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = await gateway.memoryBytes();
    await attack(gateway.udpPorts(), seed + round);
    grown = await gateway.memoryBytes() - before;
    if (grown < MAX_GROWTH) return;
  }
  throw new Error(`memory grew by ${grown} bytes in attack ${ROUNDS}`);
}

/** A client whose packets can be seen and sent once more, from the address that the gateway knows. */
class Insider {
  readonly #sent: Uint8Array[] = [];
  #again: ((packet: Uint8Array) => Promise<void>) | undefined;
  readonly connections: RTCPeerConnection[] = [];

  readonly constructorForSdk: PeerConnectionConstructor;

  constructor() {
    const { connections } = this;
    this.constructorForSdk = class extends RTCPeerConnection {
      constructor(config: { iceServers: never[] }) {
        super(config);
        connections.push(this);
      }
    } as unknown as PeerConnectionConstructor;
  }

  /** Begins to listen to what the client sends on its selected path. */
  tap(): void {
    const pair = this.connections.at(-1)!.iceTransports[0]!.connection.nominated!;
    const { transport } = pair.protocol as unknown as {
      transport: { send(packet: Uint8Array, to: unknown): Promise<void> };
    };
    const send = transport.send;
    this.#again = (packet) => send(packet, pair.remoteAddr);
    transport.send = (packet, to) => {
      if (this.#sent.length < REPLAYED) this.#sent.push(new Uint8Array(packet));
      return send(packet, to);
    };
  }

  async replay(): Promise<void> {
    while (this.#sent.length < REPLAYED) await pause(10);
    for (const packet of [...this.#sent, ...this.#sent.toReversed()]) await this.#again!(packet);
  }

  async attack(seed: number): Promise<void> {
    const packets = hostilePackets(seed);
    for (let i = 0; i < PACKETS; i++) {
      await this.#again!(packets.next().value as Uint8Array);
      if (i % BURST === 0) await pause(1);
    }
  }
}

/** Counts of the gateway's metrics whose name begins so. */
async function counts(gateway: GatewayProcess, name: string): Promise<string[]> {
  const { body } = await request(gateway, "GET", "/metrics");
  return String(body["text"]).split("\n").filter((line) => line.startsWith(`tidegate_${name}`));
}

async function expectNoFault(gateway: GatewayProcess): Promise<void> {
  const faults = await counts(gateway, "faults");
  assertEquals(faults.filter((line) => !line.endsWith(" 0")), []);
  assert(!/uncaught|panic/i.test(gateway.diagnosis()), gateway.diagnosis());
}

eachForm(({ form, alone }) => {
  if (!form.name.endsWith("source")) return;

  alone("a live session goes on while strangers and its own peer send what no one should", async (start) => {
    const gateway = await start();
    const name = uniqueName("rtc");
    const source = connectDevice({ url: gateway.url, token: await operator.addDevice(gateway, name) });
    const state = source.channel({ topic: "state", encoding: "f64" });
    await source.opened();
    const insider = new Insider();
    const { token } = await operator.dashboardToken(gateway);
    const environment = { RTCPeerConnection: insider.constructorForSdk };
    using dashboard = connectDashboard({ url: gateway.url, token, environment });
    let made = 0;
    let newest = 0;
    let backwards = 0;
    dashboard.subscribe(`${name}/state`, {
      onSample({ value }) {
        if (value as number <= newest) backwards++;
        newest = value as number;
      },
    });
    const timer = setInterval(() => state.publish(++made), 10);
    try {
      await way(dashboard, "webrtc");
      insider.tap();
      const connections = insider.connections.length;

      await attackUntilSteady(gateway, SEED);
      assertEquals(insider.connections.length, connections, "strangers ended the peer connection");

      await insider.replay();
      await insider.attack(SEED + 100);
      await way(dashboard, "webrtc");
      const then = made;
      while (newest <= then) await pause(10);
      assertEquals(backwards, 0);
      assert(dashboard.status.state === "open" && !dashboard.status.resumed, "the session ended");
      assertMatch((await counts(gateway, "webrtc_packets_refused")).join("\n"), /stranger.* [1-9]/);
      await expectNoFault(gateway);
    } finally {
      clearInterval(timer);
      await source.close();
    }
  });

  alone("hostile packets before DTLS, and hostile offers, leave nothing behind", async (start) => {
    const gateway = await start();
    const peer = await DashboardPeer.connect(gateway, gateway.token);
    const client = new RTCPeerConnection({ iceServers: [] });
    client.createDataChannel("state", { ordered: false });
    const { sdp } = await client.createOffer();
    const heard = (...types: string[]) =>
      peer.until(
        () => peer.inbox.find(({ type }) => types.includes(type)),
        `the gateway's ${types.join(" or ")}`,
      );

    await peer.send({ type: "offer", sdp });
    await heard("candidate");
    assert(gateway.udpPorts().length > 0);
    await attackUntilSteady(gateway, SEED + 200);

    const candidate = (i: number) => `a=candidate:${i} 1 udp 1 192.0.2.${i % 250 + 1} ${i + 1} typ host\r\n`;
    const many = Array.from({ length: 300 }, (_, i) => candidate(i)).join("");
    const offers = [
      sdp + many,
      `${sdp}a=x:${"y".repeat(40_000)}\r\n`,
      sdp + "a=x\r\n".repeat(5_000),
      sdp + sdp.slice(sdp.indexOf("m=application")),
      sdp.replace(/a=ice-pwd:.*/, "a=ice-pwd:short"),
      sdp.replace(/a=ice-ufrag:.*/, `a=ice-ufrag:${"u".repeat(300)}`),
      sdp.replace(/a=fingerprint:.*/g, "a=fingerprint:sha-256 zz"),
      sdp.replace("m=application", "m=applicatio"),
      "",
      "v=0\r\n",
      "\u0000".repeat(1_000),
    ];
    for (const offer of offers) {
      peer.inbox.length = 0;
      await peer.send({ type: "offer", sdp: offer });
      await heard("reject");
    }
    // odd, but with what it takes: answered or rejected, and never more than that
    for (
      const odd of [
        sdp.replace(/a=sctp-port:.*/, "a=sctp-port:99999999999"),
        sdp.replace(/a=max-message-size:.*/, "a=max-message-size:-1"),
        sdp.replace(/a=setup:.*/, "a=setup:nonsense"),
        sdp.replace(/a=mid:.*/, "a=mid:"),
        `${sdp}a=candidate:x y z\r\na=candidate:\r\na=\r\n=\r\nb=AS:x\r\n`,
        sdp.replace(/^o=.*$/m, "o="),
      ]
    ) {
      peer.inbox.length = 0;
      await peer.send({ type: "offer", sdp: odd });
      await heard("answer", "reject");
    }
    for (let i = 0; i < 2_000; i++) {
      await peer.send({ type: "candidate", candidate: candidate(i).slice(2).trim() });
    }
    for (const odd of [{}, 7, [], "x".repeat(5_000), { candidate: 7 }, { candidate: "candidate:" }]) {
      await peer.send({ type: "candidate", candidate: odd });
    }
    await peer.settle();
    await peer.leave();
    await client.close();
    await gateway.until(() => gateway.udpPorts().length === 0, "an end of its UDP sockets");
    await expectNoFault(gateway);
  });
});

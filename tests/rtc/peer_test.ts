/** One peer of the gateway's against werift's own, in one process: what goes over the wire is in the test's hands. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { type RTCDataChannel, type RTCDtlsTransport, RTCPeerConnection } from "werift";
import { loadWebRtc } from "../../rtc/library.ts";
import { Peer } from "../../rtc/peer.ts";
import { RTC_DEFAULTS } from "../../rtc/settings.ts";

const HANDSHAKE = 22;
const CHANGE_CIPHER = 20;
const DATA = 23;

/** Length of a record's header, behind which a handshake message says its type. */
const RECORD_BYTES = 13;
const CLIENT_HELLO = 1;

/** werift's end of a UDP socket. */
interface WeriftSocket {
  transport: { send(packet: Uint8Array, to: unknown): Promise<void> };
  datagramReceived(packet: Buffer, from: unknown): void;
}

/** The numbers of the encrypted records in a datagram, with their kind. */
function encryptedRecords(packet: Buffer): { kind: number; number: number }[] {
  const records = [];
  for (let at = 0; at + 13 <= packet.length; at += 13 + packet.readUInt16BE(at + 11)) {
    if (packet.readUInt16BE(at + 3) === 1) {
      records.push({ kind: packet[at]!, number: packet.readUIntBE(at + 5, 6) });
    }
  }
  return records;
}

/** How the client goes about it. */
interface ClientOptions {
  /** Gets its sockets before anything is sent. */
  tap?: (socket: WeriftSocket) => void;
  /** Gets its part of DTLS before the handshake. */
  dtls?: (dtls: NonNullable<RTCDtlsTransport["dtls"]>) => void;
  /** Which part of DTLS it offers to take: any, unless said otherwise. */
  setup?: "active";
}

/** Connects a client to a {@link Peer}. Fails when the peer ends instead. */
async function connect({ tap = () => {}, dtls = () => {}, setup }: ClientOptions) {
  await loadWebRtc();
  const client = new RTCPeerConnection({ iceServers: [], iceUseIpv6: false });
  const own = client.createDataChannel("state", { ordered: false });
  const opened = Promise.withResolvers<void>();
  own.stateChanged.subscribe((state) => state === "open" && opened.resolve());
  const theirs = Promise.withResolvers<RTCDataChannel>();
  const answered = Promise.withResolvers<void>();
  const peer: Peer = new Peer(RTC_DEFAULTS, "127.0.0.1", [], {
    answer: (sdp) => void client.setRemoteDescription({ type: "answer", sdp }).then(() => answered.resolve()),
    candidate: (candidate) =>
      void answered.promise.then(() => client.addIceCandidate(candidate ?? undefined)),
    channel: (channel) => (theirs.resolve(channel), true),
    unanswerable: (reason) => theirs.reject(new Error(reason)),
    packetRefused: () => {},
    closed: (cause) => theirs.reject(new Error(cause)),
  });
  const tapped = new Set<unknown>();
  client.onIceCandidate.subscribe((candidate) => {
    const sockets: unknown = Reflect.get(client.iceTransports[0]!.connection, "protocols");
    for (const socket of sockets as WeriftSocket[]) {
      if (!tapped.has(socket)) tap(socket);
      tapped.add(socket);
    }
    if (candidate?.candidate) {
      peer.candidate({ candidate: candidate.candidate, sdpMid: "0", sdpMLineIndex: 0 });
    }
  });
  const offer = await client.createOffer();
  await client.setLocalDescription(offer);
  client.dtlsTransports[0]!.onStateChange.subscribe((state) => {
    if (state === "connecting") queueMicrotask(() => dtls(client.dtlsTransports[0]!.dtls!));
  });
  await peer.start(setup ? offer.sdp.replace("a=setup:actpass", `a=setup:${setup}`) : offer.sdp);
  const channel = await theirs.promise.catch(async (error) => {
    await client.close();
    throw error;
  });
  await opened.promise;
  return {
    own,
    channel,
    async [Symbol.asyncDispose]() {
      peer.close("the test is over");
      await client.close();
    },
  };
}

function message(channel: RTCDataChannel): Promise<string> {
  return new Promise((resolve) => channel.onMessage.once((text) => resolve(String(text))));
}

Deno.test("a session stands when the client repeats what the gateway has answered, and no record's number comes twice", async () => {
  const flight: { packet: Buffer; to: unknown }[] = [];
  const handshakes: number[] = [];
  const data: number[] = [];
  let repeated = 0;
  await using session = await connect({
    tap: (socket) => {
      const send = socket.transport.send;
      socket.transport.send = async (packet, to) => {
        const copy = Buffer.from(packet);
        await send(packet, to);
        const clear = copy[0] === HANDSHAKE && copy.readUInt16BE(3) === 0;
        if (clear) flight.push({ packet: copy, to });
        // Finished has gone out: the gateway reads it, and then all of the flight before once more
        if (!encryptedRecords(copy).some(({ kind }) => kind === HANDSHAKE)) return;
        for (const one of flight) await send(one.packet, one.to);
        repeated += flight.length;
      };
      const receive = socket.datagramReceived.bind(socket);
      socket.datagramReceived = (packet, from) => {
        for (const { kind, number } of packet[0]! >= CHANGE_CIPHER ? encryptedRecords(packet) : []) {
          (kind === DATA ? data : handshakes).push(number);
        }
        receive(packet, from);
      };
    },
  });
  for (let i = 0; i < 10; i++) {
    const [there, back] = [message(session.channel), message(session.own)];
    session.own.send(`to the gateway ${i}`);
    assertEquals(await there, `to the gateway ${i}`);
    session.channel.send(`to the client ${i}`);
    assertEquals(await back, `to the client ${i}`);
  }
  assert(repeated >= 5, `${repeated} messages of the handshake were repeated`);
  assert(data.length > 10);
  assertEquals(new Set(data).size, data.length, `${data}`);
  assertEquals(data.filter((number) => handshakes.includes(number)), [], "encrypted with one nonce");
});

Deno.test("a session stands when a client in the active part repeats what comes before its Finished", async () => {
  const flight: { packet: Buffer; to: unknown }[] = [];
  await using session = await connect({
    setup: "active",
    tap: (socket) => {
      const send = socket.transport.send;
      socket.transport.send = async (packet, to) => {
        const copy = Buffer.from(packet);
        const clear = copy[0] === HANDSHAKE && copy.readUInt16BE(3) === 0;
        if (clear && copy[RECORD_BYTES] !== CLIENT_HELLO) flight.push({ packet: copy, to });
        if (encryptedRecords(copy).some(({ kind }) => kind === HANDSHAKE)) {
          for (const one of flight) await send(one.packet, one.to);
        }
        await send(packet, to);
      };
    },
  });
  const there = message(session.channel);
  session.own.send("to the gateway");
  assertEquals(await there, "to the gateway");
  assert(flight.length >= 3, `${flight.length} messages were repeated`);
});

Deno.test("acknowledgements travel with data, and by themselves where there is none", async () => {
  await using session = await connect({});
  const association = session.own.sctp.sctp as unknown as { flightSize: number };
  const acknowledged = async () => {
    while (association.flightSize > 0) await new Promise((next) => setTimeout(next, 5));
  };
  await acknowledged();
  const gateways = session.channel.sctp.sctp as unknown as { sendSack(): Promise<void> };
  const sendSack = gateways.sendSack.bind(gateways);
  let alone = 0;
  gateways.sendSack = () => {
    alone++;
    return sendSack();
  };
  session.channel.onMessage.subscribe((text) => session.channel.send(text));
  for (let i = 0; i < 20; i++) {
    const back = message(session.own);
    session.own.send(`${i}`);
    assertEquals(await back, `${i}`);
  }
  // now and then no data comes in time
  assert(alone <= 5, `${alone} acknowledgements by themselves beside 20 answers`);
  session.channel.onMessage.allUnsubscribe();
  const before = alone;
  session.own.send("to which nobody answers");
  await acknowledged();
  assert(alone > before, "the last one was acknowledged by nobody");
});

/** Touches a signature. */
function forge(signature: Buffer): Buffer {
  signature[signature.length - 1]! ^= 1;
  return signature;
}

const FORGED = "does not have the key of the certificate";

Deno.test("a client is taken in either part of DTLS, and in neither without the key of its certificate", async () => {
  for (const setup of [undefined, "active"] as const) {
    const options = setup ? { setup } : {};
    await using session = await connect(options);
    const there = message(session.channel);
    session.own.send("hello");
    assertEquals(await there, "hello");
  }
  const asServer: ClientOptions["dtls"] = ({ cipher }) => {
    const sign = cipher.generateKeySignature.bind(cipher);
    cipher.generateKeySignature = (hash) => forge(sign(hash));
  };
  await assertRejects(() => connect({ dtls: asServer }), Error, FORGED);
  const asClient: ClientOptions["dtls"] = ({ cipher }) => {
    const sign = cipher.signatureData.bind(cipher);
    cipher.signatureData = (data, hash) => forge(Buffer.from(sign(data, hash)));
  };
  await assertRejects(() => connect({ dtls: asClient, setup: "active" }), Error, FORGED);
});

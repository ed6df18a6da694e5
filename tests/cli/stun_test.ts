/** STUN and TURN as `doctor ice` speaks them. */
import { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { checkAddresses, checkIce, checkPorts } from "../../cli/doctor/ice.ts";
import { askStun, askTurn, iceAddress } from "../../cli/doctor/stun.ts";
import { readStun, STUN_ATTRIBUTE, STUN_TYPE, writeStun } from "../../cli/doctor/stun_message.ts";
import { RTC_DEFAULTS } from "../../rtc/settings.ts";

const CREDENTIALS = { username: "u", password: "p", realm: "r" };
/** 192.0.2.1:32853 under the mask of the magic cookie (RFC 5769 section 2.2). */
const MAPPED = Buffer.from("0001a147e112a643", "hex");

/** A server on a port of its own that answers each request as the test says, or not at all. */
async function server(answer: (request: Buffer) => Buffer | undefined) {
  const socket: Socket = createSocket("udp4");
  socket.on("message", (bytes, { port, address }) => {
    const reply = answer(bytes);
    if (reply) socket.send(reply, port, address);
  });
  await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
  const closed = () => new Promise<void>((done) => socket.close(() => done()));
  return { host: `127.0.0.1:${socket.address().port}`, [Symbol.asyncDispose]: closed };
}

/** A TURN server that knows one account. */
function turnServer() {
  return server((bytes) => {
    const request = readStun(bytes)!;
    const reply = (type: number, attributes: [number, Uint8Array][]) =>
      writeStun(type, attributes, undefined, request.transaction);
    const signed = request.attributes.get(STUN_ATTRIBUTE.integrity);
    if (!signed) {
      return reply(STUN_TYPE.allocateError, [
        [STUN_ATTRIBUTE.error, Buffer.from("\0\0\x04\x01Unauthorized", "latin1")],
        [STUN_ATTRIBUTE.realm, Buffer.from(CREDENTIALS.realm)],
        [STUN_ATTRIBUTE.nonce, Buffer.from("n")],
      ]);
    }
    const rest = [...request.attributes].filter(([kind]) => kind !== STUN_ATTRIBUTE.integrity);
    const good = writeStun(request.type, rest, CREDENTIALS, request.transaction);
    if (!good.equals(bytes)) {
      return reply(STUN_TYPE.allocateError, [[
        STUN_ATTRIBUTE.error,
        Buffer.from("\0\0\x04\x01Unauthorized", "latin1"),
      ]]);
    }
    return reply(request.type | 0x100, [[STUN_ATTRIBUTE.relayedAddress, MAPPED]]);
  });
}

Deno.test("a signed STUN message is the one of RFC 5769 section 2.4", () => {
  const username = "\u30DE\u30C8\u30EA\u30C3\u30AF\u30B9";
  const bytes = writeStun(
    STUN_TYPE.binding,
    [
      [STUN_ATTRIBUTE.username, Buffer.from(username)],
      [STUN_ATTRIBUTE.nonce, Buffer.from("f//499k954d6OL34oL9FSTvy64sA")],
      [STUN_ATTRIBUTE.realm, Buffer.from("example.org")],
    ],
    { username, password: "TheMatrIX", realm: "example.org" },
    Buffer.from("78ad3433c6ad72c029da412e", "hex"),
  );
  assertEquals(bytes.subarray(-20).toString("hex"), "f67024656dd64a3e02b8e0712e85c9a28ca89666");
});

Deno.test("addresses of STUN and TURN servers are read as they are configured", () => {
  assertEquals(iceAddress("stun:a.example"), {
    relay: false,
    transport: "udp",
    host: "a.example",
    port: 3478,
  });
  assertEquals(iceAddress("turns:a:443?transport=tcp"), {
    relay: true,
    transport: "tls",
    host: "a",
    port: 443,
  });
  assertEquals(iceAddress("turn:[::1]:1?transport=tcp").host, "::1");
});

Deno.test("a STUN server says by which address it sees us", async () => {
  await using stun = await server((bytes) =>
    writeStun(
      STUN_TYPE.bindingSuccess,
      [[STUN_ATTRIBUTE.mappedAddress, MAPPED]],
      undefined,
      readStun(bytes)!.transaction,
    )
  );
  assertEquals(await askStun(iceAddress(`stun:${stun.host}`)), "192.0.2.1:32853");
});

Deno.test("a TURN server gives a relay to who knows the password, and refuses others", async () => {
  await using turn = await turnServer();
  const address = iceAddress(`turn:${turn.host}`);
  assertEquals(await askTurn(address, { username: "u", password: "p" }), "192.0.2.1:32853");
  await assertRejects(() => askTurn(address, { username: "u", password: "x" }), Error, "401 Unauthorized");
  await assertRejects(() => askTurn(address, undefined), Error, "wants credentials");
});

Deno.test("doctor ice says which server refuses and what to compare", async () => {
  await using turn = await turnServer();
  const findings = await checkIce({
    ...RTC_DEFAULTS,
    iceServers: [
      { url: `turn:${turn.host}`, username: "u", credential: "p" },
      { url: `turn:${turn.host}`, username: "u", credential: "wrong" },
    ],
  });
  const [good, bad] = findings.filter(({ check }) => check === "turn");
  assertEquals([good?.status, bad?.status], ["ok", "fail"]);
  assertStringIncludes(good!.message, "192.0.2.1:32853");
  assertStringIncludes(bad!.advice!, "--rtc-turn-secret");
});

Deno.test("doctor ice finds ports that are taken, and addresses that are not this machine's", async () => {
  await using taken = await server(() => undefined);
  const port = Number(taken.host.split(":")[1]);
  const held = await checkPorts({ portRange: [port, port], addresses: ["127.0.0.1"] });
  assertEquals(held.status, "fail");
  assertEquals((await checkPorts({ addresses: [] })).status, "ok");
  const own = ["192.168.1.5"];
  const [strange] = checkAddresses({ addresses: ["203.0.113.9"], advertise: [] }, own);
  assertEquals(strange?.status, "fail");
  const [hidden] = checkAddresses({ addresses: [], advertise: ["10.0.0.1"] }, own);
  assertEquals(hidden?.status, "warn");
  const [told] = checkAddresses({ addresses: [], advertise: ["203.0.113.9"] }, own);
  assertStringIncludes(told!.message, "192.168.1.5, 203.0.113.9");
});

/** What breaks the protocol gets the documented answer and harms nobody else. */
import { assert, assertEquals } from "@std/assert";
import { eachForm, type FormTests, uniqueName } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { DashboardPeer, DevicePeer } from "../support/peer.ts";
import { OPCODE } from "../support/raw_websocket.ts";
import { batchFrame } from "../support/wire.ts";

/** A way to break the protocol after `hello` and one advertised channel with number 1. */
interface Offence {
  name: string;
  /** Close codes that the specification allows. */
  codes: number[];
  commit(peer: DevicePeer): Promise<void>;
}

const bytes = (length: number) => new Uint8Array(length).fill(65);
const valid = batchFrame([{ channel: 1, sequence: 1, payload: bytes(20) }]);

const DEVICE_OFFENCES: Offence[] = [
  { name: "an empty binary message", codes: [4500], commit: (d) => d.socket.sendBinary(bytes(0)) },
  { name: "a frame of unknown kind", codes: [4500], commit: (d) => d.socket.sendBinary(bytes(30)) },
  { name: "a batch cut in its header", codes: [4500], commit: (d) => d.socket.sendBinary(valid.slice(0, 7)) },
  { name: "a batch cut in a payload", codes: [4500], commit: (d) => d.socket.sendBinary(valid.slice(0, -1)) },
  {
    name: "a batch with unknown flags",
    codes: [4500],
    commit: (d) => d.socket.sendBinary(valid.with(1, 0x80)),
  },
  {
    name: "a payload above the limit",
    codes: [4500],
    commit: (d) => d.publish(1, bytes(131_073)),
  },
  {
    name: "a channel that was not advertised",
    codes: [4503],
    commit: (d) => d.publish(2, "x"),
  },
  {
    name: "an acknowledgement that is cut",
    codes: [4500],
    commit: (d) => d.socket.sendBinary(Uint8Array.of(2, 1)),
  },
  { name: "text that is not JSON", codes: [4501], commit: (d) => d.socket.sendText("{") },
  { name: "JSON that is not an object", codes: [4501], commit: (d) => d.socket.sendText("null") },
  { name: "an unknown type", codes: [4501], commit: (d) => d.socket.sendText('{"type":"launch"}') },
  {
    name: "a property of the wrong shape",
    codes: [4501],
    commit: (d) => d.socket.sendText('{"type":"advertise","channels":7}'),
  },
  { name: "a second hello", codes: [4502], commit: (d) => d.send({ type: "hello", protocol: 1 }) },
  {
    name: "more channels than allowed",
    codes: [4506],
    commit: (d) =>
      d.send({
        type: "advertise",
        channels: Array.from({ length: 4097 }, (_, i) => ({ channel: i, topic: `t${i}` })),
      }),
  },
  {
    name: "a control message above its limit",
    codes: [4506, 1009],
    commit: (d) => d.socket.sendText(" ".repeat(262_145)),
  },
  {
    name: "a binary message above its limit",
    codes: [1009],
    commit: (d) => d.socket.sendBinary(bytes(300_000)),
  },
  {
    // RFC 6455 section 8.1 asks for 1007; Deno's server drops the connection without a close frame.
    name: "text that is not UTF-8",
    codes: [1007, 1006],
    commit: (d) => d.socket.sendFrame(OPCODE.text, Uint8Array.of(0x22, 0xff, 0xfe, 0x22)),
  },
  // RFC 6455 section 5.1: a server must fail the connection. Deno's takes the frame, which then is a bad one.
  {
    name: "an unmasked frame",
    codes: [1002, 1006, 4500],
    commit: (d) => d.socket.sendBytes(Uint8Array.of(0x82, 1, 1)),
  },
  { name: "a reserved opcode", codes: [1002, 1006], commit: (d) => d.socket.sendFrame(0x3, bytes(1)) },
];

function offenceTests({ test }: FormTests): void {
  test("each kind of bad input ends its own session with the documented code and harms no other", async (gateway) => {
    const [good, bad] = [uniqueName("good"), uniqueName("bad")];
    const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, good));
    await device.advertise({ channel: 1, topic: "v" });
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${good}/#`]);
    const token = await operator.addDevice(gateway, bad);
    const outcomes: string[] = [];
    for (const [i, offence] of DEVICE_OFFENCES.entries()) {
      const offender = await DevicePeer.connect(gateway, token);
      await offender.advertise({ channel: 1, topic: "v" });
      await offence.commit(offender);
      const { code } = await offender.expectEnd();
      if (!offence.codes.includes(code)) {
        outcomes.push(`${offence.name}: ${code}, not ${offence.codes.join(" or ")}`);
      }
      await device.publish(1, `${i}`);
      await dashboard.expectValue(`${good}/v`, `${i}`);
    }
    assertEquals(outcomes, []);
    assert(!device.ended && !dashboard.ended);
  });
}

async function counted(gateway: GatewayProcess): Promise<string> {
  const response = await fetch(`${gateway.url}/metrics`, {
    headers: { authorization: `Bearer ${gateway.token}` },
  });
  assertEquals(response.status, 200);
  return await response.text();
}

eachForm((tests) => {
  const { test } = tests;
  offenceTests(tests);

  test("messages before hello are refused", async (gateway) => {
    const token = await operator.addDevice(gateway, uniqueName());
    for (const early of ["binary", "advertise"] as const) {
      const device = await DevicePeer.open(gateway, { token });
      if (early === "binary") await device.publish(1, "x");
      else await device.send({ type: "advertise", channels: [] });
      assertEquals((await device.expectEnd()).code, 4502, early);
    }
    const dashboard = await DashboardPeer.open(gateway, { token: gateway.token });
    await dashboard.send({ type: "subscribe", id: 1, patterns: ["#"] });
    assertEquals((await dashboard.expectEnd()).code, 4502);
  });

  test("a dashboard's bad input is answered: data it may not send, patterns that are none", async (gateway) => {
    const sends = await DashboardPeer.connect(gateway, gateway.token);
    await sends.socket.sendBinary(valid);
    assert([4500, 4502].includes((await sends.expectEnd()).code));
    const asks = await DashboardPeer.connect(gateway, gateway.token);
    await asks.send({ type: "subscribe", id: 9, patterns: ["a/#/b"] });
    const error = await asks.expect("error");
    assertEquals(error.ref?.id, 9);
    assert(error.message.includes("#"), error.message);
    await asks.subscribe(["fine/#"]);
  });

  test("bad channels are answered one by one, the others stand", async (gateway) => {
    const name = uniqueName();
    const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, name));
    const { channels } = await device.advertise(
      { channel: 1, topic: "fine" },
      { channel: 2, topic: "wild/#" },
      { channel: 3, topic: "" },
    );
    assertEquals(channels.map((one) => one.topic), [`${name}/fine`]);
    for (const channel of [2, 3]) await device.expect("error", (error) => error.ref?.channel === channel);
  });

  test("bad input is counted by reason", async (gateway) => {
    const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, uniqueName()));
    const total = async () => {
      const lines = (await counted(gateway)).split("\n").filter((line) => line.includes('"unknown_channel"'));
      return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    };
    const before = await total();
    await device.publish(99, "x");
    await device.expectEnd();
    assertEquals(await total(), before + 1);
  });
});

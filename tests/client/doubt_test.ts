/** A connection whose path may be gone without a word: the machine has another network, or the lane beside it failed. */
import { assertEquals } from "@std/assert";
import { ANSWER_WITHIN_MS } from "../../client/doubt.ts";
import { environment } from "../../client/environment.ts";
import { connectDashboard, connectDevice, type Status } from "../../client/mod.ts";
import { CLOSE } from "../../protocol/close_codes.ts";
import { welcome } from "../support/welcome.ts";
import { FakeDeviceGateway } from "./fake_device_gateway.ts";
import { FakeNet } from "./fake_net.ts";

/** A dashboard whose first connection answers while the test lets it. */
async function openDashboard(latencyMs = 5) {
  const net = new FakeNet();
  net.latencyMs = latencyMs;
  const gateway = { silent: false };
  net.onConnect = (connection) => {
    connection.onMessage = (message) => {
      if (gateway.silent && net.connections[0] === connection) return;
      if (message.type === "hello") {
        connection.send(welcome(net.time.us, { session: "s1", resume: "secret" }));
      }
      if (message.type === "clock") connection.send({ type: "clock_reply", t: message.t, at: net.time.us });
    };
    connection.accept();
  };
  const dash = connectDashboard({ url: "http://gw", token: "t", environment: net.environment });
  await net.time.advance(3 * latencyMs + 100_500); // half a second after one of the exchanges that keep the clock
  const waits: string[] = [];
  dash.onStatus((status: Status) => {
    if (status.state === "waiting") waits.push(status.reason);
  });
  return { net, gateway, dash, waits, first: net.connection };
}

Deno.test("a connection whose machine says that its network has changed is given up after seconds of silence, and the session resumed", async () => {
  for (
    const [tell, cause] of [
      [(net: FakeNet) => net.online(), "the machine has a network again"],
      [(net: FakeNet) => net.changed(), "the machine's network has changed"],
    ] as const
  ) {
    const { net, gateway, dash, waits, first } = await openDashboard();
    gateway.silent = true;
    tell(net);
    await net.time.advance(ANSWER_WITHIN_MS - 1);
    tell(net); // asks no second time
    assertEquals([waits, dash.status.state], [[], "open"]);
    await net.time.advance(1_000);
    assertEquals(waits, [`nothing heard for ${ANSWER_WITHIN_MS} ms after a question: ${cause}`]);
    assertEquals([dash.status.state, first.closedWith], ["open", CLOSE.idle.code]);
    assertEquals(net.connection.last("hello")!.resume, { session: "s1", token: "secret" });
    dash.close();
    await net.time.advance(10); // what closes the socket arrives
    assertEquals(net.time.pending, 0);
  }
});

Deno.test("a connection that answers stays, however often its network is said to have changed", async () => {
  const { net, dash, waits, first } = await openDashboard();
  const asked = first.all("clock").length;
  for (let i = 0; i < 5; i++) {
    net.changed();
    net.online();
  }
  await net.time.advance(ANSWER_WITHIN_MS + 100);
  assertEquals([waits, net.connections.length], [[], 1]);
  assertEquals(first.all("clock").length, asked + 1);
  net.changed();
  await net.time.advance(100);
  assertEquals(first.all("clock").length, asked + 2);
  dash.close();
});

Deno.test("a connection whose round trip takes longer than the least wait is not cut", async () => {
  const { net, dash, waits } = await openDashboard(3_500);
  for (let i = 0; i < 3; i++) {
    net.online();
    await net.time.advance(20_000);
  }
  assertEquals([waits, net.connections.length], [[], 1]);
  dash.close();
});

Deno.test("a program that did not run in the meantime asks once more before it gives up", async () => {
  const { net, gateway, dash, waits, first } = await openDashboard();
  gateway.silent = true;
  const asked = first.all("clock").length;
  net.online();
  await net.time.advance(10);
  gateway.silent = false;
  net.time.us += 7_000_000; // a page that was frozen, a machine that slept
  await net.time.advance(20);
  assertEquals([waits, first.all("clock").length], [[], asked + 2]);
  await net.time.advance(10_000);
  assertEquals([waits, net.connections.length], [[], 1]);
  dash.close();
});

Deno.test("a connection that breaks while it is in doubt takes the doubt along", async () => {
  const { net, gateway, dash, waits } = await openDashboard();
  gateway.silent = true;
  net.online();
  net.connection.cut();
  await net.time.advance(20_000);
  assertEquals([waits.length, net.connections.length, dash.status.state], [1, 2, "open"]);
  dash.close();
});

Deno.test("a device whose network changes under it loses and repeats no event, and its last state arrives", async () => {
  const net = new FakeNet();
  const gateway = new FakeDeviceGateway(net);
  const device = connectDevice({ url: "http://gw", token: "t", environment: net.environment });
  const state = device.channel({ topic: "state", encoding: "raw" });
  const event = device.channel({ topic: "event", class: "event", encoding: "raw" });
  for (let number = 1; number <= 100; number++) {
    state.publish(new Uint8Array([number]));
    void event.publish(new Uint8Array([number]));
    await net.time.advance(100);
    if (number === 20) net.connection.freeze();
    if (number === 21) net.online();
  }
  await net.time.advance(1_000);
  assertEquals(gateway.stored("event"), Array.from({ length: 100 }, (_, i) => i + 1));
  assertEquals(gateway.state.get("state")!.at(-1)!.payload[0], 100);
  assertEquals([gateway.complaints, net.connections.length], [[], 2]);
  await device.close();
});

Deno.test("a browser's own word about its network is listened to, until that is stopped", () => {
  const connection = new EventTarget();
  Object.defineProperty(navigator, "connection", { value: connection, configurable: true });
  try {
    let told = 0;
    const stop = environment().onNetworkChange(() => void told++);
    connection.dispatchEvent(new Event("change"));
    stop();
    connection.dispatchEvent(new Event("change"));
    assertEquals(told, 1);
  } finally {
    Reflect.deleteProperty(navigator, "connection");
  }
});

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { backoffMs, DEFAULT_BACKOFF } from "../../client/backoff.ts";
import { shouldReconnect } from "../../protocol/close_codes.ts";
import { GatewayClock } from "../../client/clock.ts";
import { endpointUrl, subprotocols } from "../../client/endpoint.ts";
import { ClosedError, connectDashboard, type Dashboard } from "../../client/mod.ts";
import { CLOSE } from "../../protocol/close_codes.ts";
import { welcome } from "../support/welcome.ts";
import { type FakeConnection, FakeNet } from "./fake_net.ts";

/** Welcomes every connection and answers its clock, unless `silent`. */
function serve(net: FakeNet, silent: () => boolean = () => false) {
  net.onConnect = (connection: FakeConnection) => {
    connection.onMessage = (message) => {
      if (silent()) return;
      if (message.type === "hello") {
        connection.send(welcome(net.time.us, { session: `s${net.connections.length}`, resume: "secret" }));
      }
      if (message.type === "clock") connection.send({ type: "clock_reply", t: message.t, at: net.time.us });
    };
    connection.accept();
  };
}

function open(net: FakeNet): Dashboard {
  return connectDashboard({ url: "https://gw/base/", token: "t", environment: net.environment });
}

Deno.test("status goes from connecting to open to waiting and back, with the reason", async () => {
  const net = new FakeNet();
  serve(net);
  const dash = open(net);
  const seen: string[] = [];
  dash.onStatus((status) => {
    if (seen.at(-1) !== status.state) seen.push(status.state);
  });
  await net.time.advance(20_000);
  const { status } = dash;
  assert(status.state === "open");
  assertEquals(status.roundTripMs, 10);
  assertEquals(status.resumed, false);
  net.connection.close(4005, "oops");
  await net.time.advance(6);
  assertEquals(dash.status, { state: "waiting", retryInMs: 187.5, reason: "internal: oops" });
  await net.time.advance(1_000);
  assertEquals(seen, ["connecting", "open", "waiting", "connecting", "open"]);
  assertEquals(net.connection.url, "wss://gw/base/v1/live");
});

Deno.test("a message of a type that came after this client is passed over", async () => {
  const net = new FakeNet();
  serve(net);
  const dash = open(net);
  await net.time.advance(100);
  net.connection.sendText('{"type":"weather","rain":true}');
  await net.time.advance(100);
  assertEquals([dash.status.state, net.connections.length], ["open", 1]);
});

Deno.test("a reconnect presents the session and its resume token", async () => {
  const net = new FakeNet();
  serve(net);
  open(net);
  await net.time.advance(100);
  net.connection.cut();
  await net.time.advance(1_000);
  assertEquals(net.connection.last("hello")!.resume, { session: "s1", token: "secret" });
});

Deno.test("attempts back off up to the bound and start over after a session that lasted", async () => {
  const net = new FakeNet();
  const dash = open(net);
  const waits: number[] = [];
  dash.onStatus((status) => {
    if (status.state === "waiting") waits.push(status.retryInMs);
  });
  net.onConnect = (connection) => connection.net.time.timer(() => connection.cut(), 1);
  net.connection.cut();
  await net.time.advance(120_000);
  assertEquals(waits.slice(0, 8), [187.5, 375, 750, 1500, 3000, 6000, 11250, 11250]);
  assert(dash.status.state === "waiting");
  assert(dash.status.reason.includes("cannot be reached, or does not accept the token"));
  serve(net);
  await net.time.advance(30_000);
  net.connection.cut();
  assertEquals(waits.at(-1), 187.5);
});

Deno.test("a gateway that welcomes and closes at once is not hammered", async () => {
  const net = new FakeNet();
  net.onConnect = (connection) => {
    connection.onMessage = () => {
      connection.send(welcome(net.time.us));
      connection.close(CLOSE.overloaded.code);
    };
    connection.accept();
  };
  open(net);
  await net.time.advance(60_000);
  assert(net.connections.length < 15, `${net.connections.length} attempts in a minute`);
});

Deno.test("the wait lies between half the bound and the bound for every attempt", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, r) => {
      const bound = Math.min(DEFAULT_BACKOFF.maxMs, DEFAULT_BACKOFF.minMs * 2 ** (n - 1));
      const ms = backoffMs(DEFAULT_BACKOFF, n, r);
      assert(ms >= bound / 2 && ms <= bound);
    }),
  );
});

Deno.test("every close code of the table is honoured", async () => {
  for (const { code, name, reconnect } of Object.values(CLOSE)) {
    const net = new FakeNet();
    serve(net);
    const dash = open(net);
    await net.time.advance(100);
    net.connection.close(code, "why");
    await net.time.advance(6);
    assertEquals(dash.status.state, reconnect ? "waiting" : "closed", name);
    assertEquals((dash.status as { reason: string }).reason, `${name}: why`);
    if (!reconnect) await assertRejects(() => dash.opened(), ClosedError, name);
  }
});

Deno.test("unknown close codes follow their range", () => {
  assertEquals([1006, 1011, 1012, 4099, 4499, 4500, 4999].map((code) => shouldReconnect(code)), [
    true,
    true,
    true,
    true,
    true,
    false,
    false,
  ]);
});

Deno.test("bye decides over the close code", async () => {
  const net = new FakeNet();
  serve(net);
  const dash = open(net);
  await net.time.advance(100);
  net.connection.send({ type: "bye", code: 1001, reason: "moved away", reconnect: false });
  net.connection.close(1001);
  await net.time.advance(10);
  assertEquals(dash.status, { state: "closed", reason: "moved away" });
  assertEquals(net.time.pending, 0);
});

Deno.test("a peer that falls silent is left once the idle time is complete", async () => {
  const net = new FakeNet();
  let silent = false;
  serve(net, () => silent);
  const dash = open(net);
  await net.time.advance(95_000);
  assertEquals(net.connections.length, 1);
  silent = true;
  await net.time.advance(19_000);
  assertEquals(dash.status.state, "open");
  const reasons: string[] = [];
  dash.onStatus((status) => {
    if (status.state === "waiting") reasons.push(status.reason);
  });
  await net.time.advance(12_000);
  assertEquals(reasons, ["nothing heard for 30000 ms of at most 30000"]);
});

Deno.test("no welcome in time counts as a failed attempt", async () => {
  const net = new FakeNet();
  net.onConnect = (connection) => connection.accept();
  const dash = open(net);
  await net.time.advance(15_001);
  assertEquals(dash.status.state, "waiting");
  await net.time.advance(1_000);
  assertEquals(net.connections.length, 2);
});

Deno.test("pings and clock questions are answered, offers turned down", async () => {
  const net = new FakeNet();
  serve(net);
  open(net);
  await net.time.advance(100);
  net.connection.send({ type: "ping", id: 3 });
  net.connection.send({ type: "clock", t: 42 });
  net.connection.send({ type: "offer", sdp: "v=0" });
  await net.time.advance(20);
  assertEquals(net.connection.last("pong"), { type: "pong", id: 3 });
  assertEquals(net.connection.last("clock_reply")!.t, 42);
  assertEquals(net.connection.all("reject").length, 1);
});

Deno.test("what breaks the protocol ends the connection with its code, and another is tried", async () => {
  const net = new FakeNet();
  serve(net);
  const dash = open(net);
  await net.time.advance(100);
  const first = net.connection;
  first.sendFrame(new Uint8Array([9, 9]));
  await net.time.advance(20);
  assertEquals(first.closedWith, CLOSE.badFrame.code);
  await net.time.advance(1_000);
  assertEquals(dash.status.state, "open");
});

Deno.test("close while waiting stops the attempts", async () => {
  const net = new FakeNet();
  const dash = open(net);
  net.connection.cut();
  assertEquals(dash.status.state, "waiting");
  dash.close();
  await net.time.advance(60_000);
  assertEquals(net.connections.length, 1);
  assertEquals(net.time.pending, 0);
});

Deno.test("the clock's error bounds the true error, whatever the delays and the drift", () => {
  const delays = fc.tuple(fc.integer({ min: 0, max: 500_000 }), fc.integer({ min: 0, max: 500_000 }));
  fc.assert(
    fc.property(
      fc.array(delays, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: -1e12, max: 1e12 }),
      fc.double({ min: -90e-6, max: 90e-6, noNaN: true }),
      (exchanges, offsetUs, drift) => {
        const clock = new GatewayClock();
        const startUs = 1.7e15;
        const gatewayAt = (us: number) => us + offsetUs + (us - startUs) * drift;
        let nowUs = startUs;
        for (const [up, down] of exchanges) {
          clock.exchanged(nowUs, gatewayAt(nowUs + up), nowUs + up + down);
          nowUs += up + down;
          assert(Math.abs(clock.toGatewayUs(nowUs) - gatewayAt(nowUs)) <= clock.errorUs(nowUs) + 2);
          nowUs += 10_000_000;
          assert(Math.abs(clock.toGatewayUs(nowUs) - gatewayAt(nowUs)) <= clock.errorUs(nowUs) + 2);
        }
      },
    ),
  );
});

Deno.test("the exchange with the shortest round trip counts until it is too old", () => {
  const clock = new GatewayClock();
  assertEquals(clock.errorUs(0), Infinity);
  clock.exchanged(0, 1_000_500, 1_000);
  clock.exchanged(10_000, 1_060_000, 110_000);
  assertAlmostEquals(clock.errorUs(110_000), 500 + 110_000 * 100e-6);
  assertEquals(clock.toGatewayUs(200_000), 1_200_000);
  clock.exchanged(2_000_000_000, 2_001_050_000, 2_000_100_000);
  assertEquals(clock.roundTripUs, 100_000);
  assertEquals(clock.toGatewayUs(2_000_100_000), 2_001_100_000);
});

Deno.test("endpoints come from every kind of address", () => {
  assertEquals(endpointUrl("http://h:1", "/v1/live"), "ws://h:1/v1/live");
  assertEquals(endpointUrl("https://h/", "/v1/live"), "wss://h/v1/live");
  assertEquals(endpointUrl("wss://h/gw/v1/live", "/v1/live"), "wss://h/gw/v1/live");
  assertEquals(endpointUrl(new URL("ws://[::1]:9/p"), "/v1/device"), "ws://[::1]:9/p/v1/device");
  assertThrows(() => endpointUrl("ftp://h", "/v1/live"), TypeError, "must start with http");
  assertThrows(() => endpointUrl(undefined, "/v1/live"), TypeError, "url is missing");
});

Deno.test("a token that cannot travel as a subprotocol is refused without being shown", () => {
  assertEquals(subprotocols("a-b_c.1"), ["tidegate.v1", "tidegate.token.a-b_c.1"]);
  assertThrows(() => subprotocols("secret token"), TypeError, "token of 12 characters");
});

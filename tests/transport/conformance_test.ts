/**
 * One suite for the transports of every runtime: what must hold of WebSockets and of control channels over WebRTC
 * alike, and what only WebSockets can do.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { testCertificate } from "../support/test_certificate.ts";
import { frame, rawHandshake, RUNTIMES, ServerProcess, type Talker } from "../support/transport_client.ts";

const LIMIT = 262_144;
const MAX_BUFFERED = 1_048_576;
const CHUNK = 65_536;

/** How a client comes in; what a carrier does not say of an end, its client is not asked for. */
const CARRIERS: Record<string, (server: ServerProcess) => Promise<Talker>> = {
  WebSocket: (server) => server.open(),
  "data channel": (server) => server.openDataChannel(),
};

/** One server of each runtime for all that holds of every carrier: loading WebRTC takes longer than these tests do. */
const shared = new Map<string, Promise<ServerProcess>>();

Deno.test.afterAll(async () => {
  for (const server of shared.values()) await (await server)[Symbol.asyncDispose]();
});

function onShared(runtime: string, title: string, test: (server: ServerProcess) => Promise<void>): void {
  Deno.test({
    name: `${runtime}, ${title}`,
    async fn() {
      const starting = shared.get(runtime) ??
        ServerProcess.start(RUNTIMES[runtime as keyof typeof RUNTIMES]);
      shared.set(runtime, starting);
      const server = await starting;
      await test(server);
      await server.settled();
    },
    // the server outlives the test on purpose
    sanitizeOps: false,
    sanitizeResources: false,
  });
}

for (const name of Object.keys(RUNTIMES)) {
  for (const [carrier, open] of Object.entries(CARRIERS)) {
    const on = (title: string, test: (server: ServerProcess) => Promise<void>) =>
      onShared(name, `${carrier}: ${title}`, test);

    on("text, binary and largest messages come through whole", async (server) => {
      await using peer = await open(server);
      assertEquals(await peer.ask("süß 🌊"), "süß 🌊");
      assertEquals(await peer.ask(new Uint8Array([0, 255, 1])), new Uint8Array([0, 255, 1]));
      const largest = new Uint8Array(LIMIT).map((_, i) => i % 251);
      assertEquals(await peer.ask(largest), largest);
    });

    on("traffic counts the frames and payload bytes of each way", async (server) => {
      await using peer = await open(server);
      await peer.ask("süß");
      await peer.ask(new Uint8Array(1000));
      const traffic = JSON.parse(await peer.ask("traffic") as string);
      assertEquals(traffic, { framesIn: 3, framesOut: 2, bytesIn: 1012, bytesOut: 1005 });
    });

    for (const text of [false, true]) {
      on(`a ${text ? "text" : "binary"} message one byte over the limit closes with 1009`, async (server) => {
        await using peer = await open(server);
        peer.send(text ? "x".repeat(LIMIT + 1) : new Uint8Array(LIMIT + 1));
        const ended = await peer.ended;
        if (ended) assertEquals(ended.code, 1009);
        const { code, reason } = await server.seen("closed");
        assertEquals(code, 1009);
        assertStringIncludes(reason, `the limit is ${LIMIT}`);
      });
    }

    on(
      "a close by the owner reaches the peer with code and reason, and nothing is sent after",
      async (server) => {
        await using peer = await open(server);
        peer.send("close:a newer one");
        const ended = await peer.ended;
        if (ended) assertEquals(ended, { code: 4001, reason: "a newer one" });
        assertEquals((await server.seen("report")).value, { open: true, after: false, sent: false });
        const { code, reason } = await server.seen("closed");
        assertEquals([code, reason], [4001, "a newer one"]);
      },
    );

    on("what was sent before a close arrives before it, broadcasts included", async (server) => {
      await using other = await open(server);
      await using peer = await open(server);
      assertEquals(await other.ask("join"), "joined 1");
      assertEquals(await peer.ask("join"), "joined 2");
      peer.send("last-words");
      assertEquals(await peer.next(), new Uint8Array([1, 2, 3]));
      assertEquals(await peer.next(), "bye");
      const ended = await peer.ended;
      if (ended) assertEquals(ended.code, 1001);
      assertEquals(await other.next(), new Uint8Array([1, 2, 3]));
    });

    on("an error in a handler ends that connection with internal and is told", async (server) => {
      await using bystander = await open(server);
      await using peer = await open(server);
      peer.send("throw:my fault");
      const ended = await peer.ended;
      if (ended) assertEquals(ended.code, 4005);
      const { where, message } = await server.seen("fault");
      assertEquals([where, message], ["text", "my fault"]);
      assertEquals((await server.seen("closed")).code, 4005);
      assertEquals(await bystander.ask("alive"), "alive");
    });

    on("every member of a group gets a broadcast, in order with what is sent to it alone", async (server) => {
      const peers = await Promise.all(Array.from({ length: 5 }, () => open(server)));
      for (const peer of peers) await peer.ask("join");
      const [first, ...others] = peers;
      first!.send("broadcast:3000");
      assertEquals((await server.seen("report")).value, { size: 5, refused: 0 });
      for (const peer of peers) assertEquals(await peer.next(), new Uint8Array(3000).fill(1));
      assertEquals(await first!.next(), "after the broadcast");
      for (const peer of others) {
        const traffic = JSON.parse(await peer.ask("traffic") as string);
        assertEquals([traffic.framesOut, traffic.bytesOut], [2, 3000 + "joined N".length]);
      }
      for (const peer of peers) await peer[Symbol.asyncDispose]();
    });

    on("members that leave or close get nothing more and no longer count", async (server) => {
      await using stays = await open(server);
      await using leaves = await open(server);
      const closes = await open(server);
      for (const peer of [stays, leaves, closes]) await peer.ask("join");
      assertEquals(await leaves.ask("leave"), "left 2");
      await closes[Symbol.asyncDispose]();
      await server.seen("closed");
      stays.send("broadcast:10");
      assertEquals((await server.seen("report")).value, { size: 1, refused: 0 });
      assertEquals(await stays.next(), new Uint8Array(10).fill(1));
      assertEquals(await leaves.ask("nothing before this"), "nothing before this");
    });

    on("a client that vanishes is over for the owner, and can come back with its session", async (server) => {
      const peer = await open(server);
      await peer.ask("hello");
      await peer[Symbol.asyncDispose]();
      const { code } = await server.seen("closed");
      assert(code === 1005 || code === 1006, `closed with ${code}`);
    });
  }

  onShared(name, "data channel: send is refused at the limit, and what was taken arrives", async (server) => {
    await using peer = await server.openDataChannel();
    peer.send("flood");
    const { value } = await server.seen("report") as unknown as { value: Record<string, number> };
    assertGreater(value.bufferedBytes!, MAX_BUFFERED - CHUNK);
    assertLess(value.bufferedBytes!, MAX_BUFFERED + 2 * CHUNK);
    assertEquals(value.bytesOut, value.accepted! * CHUNK);
    for (let i = 0; i < value.accepted!; i++) assertEquals((await peer.next()).length, CHUNK);
    assertEquals(await peer.ask("still here"), "still here");
  });
}

for (const [name, command] of Object.entries(RUNTIMES)) {
  const on = (title: string, test: (server: ServerProcess) => Promise<void>, env?: Record<string, string>) =>
    Deno.test(`${name}: ${title}`, async () => {
      await using server = await ServerProcess.start(command, env);
      await test(server);
    });

  on("a plain request gets its response", async (server) => {
    const response = await server.fetch("/");
    assertEquals([response.status, await response.text()], [200, "hello"]);
  });

  on("the upgrade confirms the subprotocol when one was offered", async (server) => {
    await using peer = await server.open("/echo", ["tidegate.v1", "tidegate.token.abc"]);
    assertEquals(peer.socket.protocol, "tidegate.v1");
  });

  on("the upgrade confirms no subprotocol when none was offered", async (server) => {
    const { connection, head } = await rawHandshake(server.port, "/echo");
    using _ = connection;
    assertStringIncludes(head, "101");
    assert(!/sec-websocket-protocol/i.test(head), head);
  });

  on("the remote address is the peer's own", async (server) => {
    const { connection } = await rawHandshake(server.port, "/echo");
    using _ = connection;
    const { remote } = await server.seen("opened");
    assertEquals(remote, `127.0.0.1:${connection.localAddr.port}`);
  });

  on("a refused upgrade is an HTTP response with its status", async (server) => {
    const { connection, head } = await rawHandshake(server.port, "/refuse");
    using _ = connection;
    assertMatch(head, /^HTTP\/1\.1 403 /);
  });

  on("a handshake of another version gets 426 and the version that is spoken", async (server) => {
    const { connection, head } = await rawHandshake(server.port, "/echo", { "sec-websocket-version": "8" });
    using _ = connection;
    assertMatch(head, /^HTTP\/1\.1 426 /);
    assertMatch(head, /sec-websocket-version: 13/i);
  });

  on("a handshake with a bad key gets 400", async (server) => {
    const { connection, head } = await rawHandshake(server.port, "/echo", { "sec-websocket-key": "short" });
    using _ = connection;
    assertMatch(head, /^HTTP\/1\.1 400 /);
  });

  on(
    "an error in the deciding of a request is a 500 and a fault, and nothing else breaks",
    async (server) => {
      const response = await server.fetch("/crash");
      await response.body?.cancel();
      assertEquals(response.status, 500);
      assertEquals((await server.seen("fault")).where, "fetch");
      const { connection, head } = await rawHandshake(server.port, "/crash");
      using _ = connection;
      assertMatch(head, /^HTTP\/1\.1 500 /);
      assertEquals((await server.seen("fault")).where, "upgrade");
      await using peer = await server.open();
      assertEquals(await peer.ask("still here"), "still here");
    },
  );

  on("text, binary, empty and largest messages come through whole", async (server) => {
    await using peer = await server.open();
    assertEquals(await peer.ask("süß 🌊"), "süß 🌊");
    assertEquals(await peer.ask(""), "");
    assertEquals(await peer.ask(new Uint8Array(0)), new Uint8Array(0));
    assertEquals(await peer.ask(new Uint8Array([0, 255, 1])), new Uint8Array([0, 255, 1]));
    const largest = new Uint8Array(LIMIT).map((_, i) => i % 251);
    assertEquals(await peer.ask(largest), largest);
  });

  on("a message that announces a gigabyte ends the connection without being held", async (server) => {
    const { connection } = await rawHandshake(server.port, "/echo");
    using _ = connection;
    await connection.write(frame(2, new Uint8Array(10), 1_073_741_824));
    const { code } = await server.seen("closed");
    assert(code === 1006 || code === 1009, `closed with ${code}`);
  });

  on("bad UTF-8 in a text message ends the connection", async (server) => {
    const { connection } = await rawHandshake(server.port, "/echo");
    using _ = connection;
    await connection.write(frame(1, new Uint8Array([0xff, 0xfe])));
    const { code } = await server.seen("closed");
    assert(code === 1006 || code === 1007, `closed with ${code}`);
  });

  on("a close by the peer reaches the owner once with its code and reason", async (server) => {
    const peer = await server.open();
    peer.socket.close(4321, "enough");
    await peer.ended;
    const { code, reason } = await server.seen("closed");
    assertEquals([code, reason], [4321, "enough"]);
  });

  on("a peer that vanishes reaches the owner as 1006", async (server) => {
    const { connection } = await rawHandshake(server.port, "/echo");
    connection.close();
    assertEquals((await server.seen("closed")).code, 1006);
  });

  on("a long reason is cut to 123 bytes at a character's boundary", async (server) => {
    await using peer = await server.open();
    peer.send(`close:${"ü".repeat(100)}`);
    assertEquals(await peer.ended, { code: 4001, reason: "ü".repeat(61) });
  });

  on("what was waiting when the owner closed still reaches a slow peer, then the close", async (server) => {
    const { connection } = await rawHandshake(server.port, "/echo");
    using _ = connection;
    await connection.write(frame(1, new TextEncoder().encode("flood-and-close")));
    const accepted = (await server.seen("report")).value.accepted as number;
    assertEquals((await server.seen("closed")).code, 1001);
    const closeFrame = [0x88, 12, 1001 >> 8, 1001 & 255, ...new TextEncoder().encode("going_away")];
    const expected = accepted * (CHUNK + 10) + closeFrame.length;
    const received = new Uint8Array(expected);
    let length = 0;
    while (length < expected) {
      const count = await connection.read(received.subarray(length));
      if (count === null) break;
      length += count;
    }
    assertEquals(length, expected);
    assertEquals([...received.subarray(-closeFrame.length)], closeFrame);
  });

  on("a broadcast of nothing is an empty message", async (server) => {
    await using one = await server.open();
    await using two = await server.open();
    for (const peer of [one, two]) await peer.ask("join");
    one.send("broadcast:0");
    assertEquals(await one.next(), new Uint8Array(0));
    assertEquals(await two.next(), new Uint8Array(0));
  });

  on(
    "send to a peer that does not read is refused at the limit, with the truth about what waits",
    async (server) => {
      const { connection } = await rawHandshake(server.port, "/echo");
      using _ = connection;
      await connection.write(frame(1, new TextEncoder().encode("flood")));
      const { value } = await server.seen("report") as unknown as { value: Record<string, number> };
      assertGreater(value.bufferedBytes!, MAX_BUFFERED - CHUNK);
      assertLess(value.bufferedBytes!, MAX_BUFFERED + 2 * CHUNK);
      assertEquals(value.bytesOut, value.accepted! * CHUNK);
    },
  );

  on("a broadcast names the member that refused it and reaches the others", async (server) => {
    await using one = await server.open();
    await using two = await server.open();
    for (const peer of [one, two]) await peer.ask("join");
    const { connection } = await rawHandshake(server.port, "/echo");
    using _ = connection;
    await connection.write(frame(1, new TextEncoder().encode("join")));
    await connection.write(frame(1, new TextEncoder().encode("flood-and-broadcast:100")));
    await server.seen("report");
    assertEquals((await server.seen("report")).value, { size: 3, refused: 1 });
    for (const peer of [one, two]) assertEquals(await peer.next(), new Uint8Array(100).fill(1));
  });

  on(
    "stop lets open WebSockets go on until they are closed, and idle connections do not hold it",
    async (server) => {
      const idle = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      using _ = idle;
      await idle.write(new TextEncoder().encode("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
      await idle.read(new Uint8Array(1000));
      const peer = await server.open();
      await server.askToStop();
      assertEquals(await server.line(), "stopping");
      const another = await server.fetch("/").then(
        (answer) => answer.text().then(() => answer.status),
        () => 0,
      );
      assert(another === 503 || another === 0, `a new request got ${another}`);
      assertEquals(await peer.ask("bye?"), "bye?");
      peer.send("close:now");
      assertEquals((await peer.ended).code, 4001);
      assertEquals(await server.line(), "stopped");
    },
    { TEST_GRACE: "600000" },
  );

  on("stop cuts what is open after its grace", async (server) => {
    const { connection } = await rawHandshake(server.port, "/echo");
    using _ = connection;
    await connection.write(frame(1, new TextEncoder().encode("flood"))); // its closing handshake cannot end
    await server.seen("report");
    await server.askToStop();
    assertEquals(await server.line(), "stopping");
    assertEquals(await server.line(), "stopped");
  }, { TEST_GRACE: "50" });

  Deno.test(`${name}: TLS carries requests and WebSockets`, async () => {
    const { cert, key } = await testCertificate();
    const client = Deno.createHttpClient({ caCerts: [cert] });
    await using server = await ServerProcess.start(command, { TEST_CERT: cert, TEST_KEY: key }, client);
    assertEquals(await (await server.fetch("/")).text(), "hello");
    await using peer = await server.open("/echo", ["tidegate.v1"]);
    assertEquals(await peer.ask(new Uint8Array(100_000).fill(3)), new Uint8Array(100_000).fill(3));
  });
}

/**
 * What the server on `node:http` does beyond the conformance suite: frames and requests that a standard client
 * does not send, and peers that do not read.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { CLOSE } from "../../protocol/close_codes.ts";
import { serveOnNode } from "../../runtime/node_server.ts";
import type { RunningServer, ServeOptions } from "../../runtime/runtime.ts";
import type { Transport, TransportClosed } from "../../transport/transport.ts";
import { rawHandshake } from "../support/transport_client.ts";

const LIMIT = 1_000;

/** A server under test with the one transport that a test opens. */
interface Bench extends AsyncDisposable {
  server: RunningServer;
  transport: Promise<Transport>;
  closed: Promise<TransportClosed>;
  texts: string[];
  faults: unknown[];
}

async function bench(options: Partial<ServeOptions> = {}): Promise<Bench> {
  const transport = Promise.withResolvers<Transport>();
  const closed = Promise.withResolvers<TransportClosed>();
  const [texts, faults] = [[] as string[], [] as unknown[]];
  const server = await serveOnNode({
    hostname: "127.0.0.1",
    port: 0,
    maxMessageBytes: LIMIT,
    fetch: () => new Response("hello"),
    upgrade: () => ({
      accept: (one) => {
        transport.resolve(one);
        return {
          binary: (bytes) => void one.send(bytes),
          text: (text) => {
            texts.push(text);
            one.send(text);
          },
          closed: closed.resolve,
        };
      },
    }),
    onFault: (error) => faults.push(error),
    ...options,
  });
  return {
    server,
    transport: transport.promise,
    closed: closed.promise,
    texts,
    faults,
    [Symbol.asyncDispose]: () => server.stop(0),
  };
}

/** A client's frame; its payload masked with four different bytes, as RFC 6455 section 5.3 wants it. */
function masked(first: number, payload: Uint8Array | string, announced?: number): Uint8Array<ArrayBuffer> {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const length = announced ?? bytes.length;
  const head = length < 126 ? [first, 0x80 | length] : [first, 0xfe, length >> 8, length & 255];
  const mask = [0x11, 0xa5, 0xff, 0x3c];
  return new Uint8Array([...head, ...mask, ...bytes.map((byte, i) => byte ^ mask[i % 4]!)]);
}

/** Reads exactly as many bytes. */
async function take(connection: Deno.Conn, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = await connection.read(bytes.subarray(at));
    if (read === null) throw new Error(`the connection ended after ${at} of ${count} bytes`);
    at += read;
  }
  return bytes;
}

async function rest(connection: Deno.Conn): Promise<string> {
  return await new Response(connection.readable).text().catch(() => "");
}

/** The code in the closing frame that comes next. */
async function closeCode(connection: Deno.Conn): Promise<number> {
  const [first, length] = await take(connection, 2);
  assertEquals(first, 0x88);
  const [high, low] = await take(connection, length!);
  return high! * 256 + low!;
}

Deno.test("a message in fragments arrives whole, with a ping answered between them", async () => {
  await using t = await bench();
  const { connection } = await rawHandshake(t.server.port, "/");
  using _ = connection;
  const bytes = new TextEncoder().encode("süß");
  await connection.write(masked(0x01, bytes.subarray(0, 2))); // breaks off within a character
  await connection.write(masked(0x89, "?"));
  await connection.write(masked(0x00, bytes.subarray(2, 3)));
  await connection.write(masked(0x80, bytes.subarray(3)));
  assertEquals(await take(connection, 3), new Uint8Array([0x8a, 1, 63]));
  assertEquals(await take(connection, 2 + bytes.length), new Uint8Array([0x81, bytes.length, ...bytes]));
  assertEquals(t.texts, ["süß"]);
});

Deno.test("a frame that comes byte by byte, or with many others in one piece, is taken apart all the same", async () => {
  await using t = await bench();
  const { connection } = await rawHandshake(t.server.port, "/");
  using _ = connection;
  const frames = Array.from({ length: 50 }, (_, i) => masked(0x82, new Uint8Array(i).fill(i)));
  for (const byte of frames[40]!) await connection.write(new Uint8Array([byte]));
  assertEquals((await take(connection, 42)).slice(2), new Uint8Array(40).fill(40));
  await connection.write(new Uint8Array(frames.flatMap((frame) => [...frame])));
  for (let i = 0; i < 50; i++) {
    assertEquals(await take(connection, 2 + i), new Uint8Array([0x82, i, ...new Uint8Array(i).fill(i)]));
  }
});

const WRONG: [string, number, Uint8Array<ArrayBuffer>[]][] = [
  ["a frame that announces too much, before its payload comes", 1009, [masked(0x82, "", LIMIT + 1)]],
  ["fragments that are too much together", 1009, [
    masked(0x02, new Uint8Array(LIMIT)),
    masked(0x80, "x"),
  ]],
  ["bad UTF-8", 1007, [masked(0x81, new Uint8Array([0xc3, 0x28]))]],
  ["a frame without a mask", 1002, [new Uint8Array([0x81, 1, 65])]],
  ["a reserved bit", 1002, [masked(0xc1, "x")]],
  ["an unknown opcode", 1002, [masked(0x83, "x")]],
  ["a continuation of nothing", 1002, [masked(0x80, "x")]],
  ["a control frame in fragments", 1002, [masked(0x09, "x")]],
  ["a control frame above 125 bytes", 1002, [masked(0x89, new Uint8Array(126))]],
  ["a closing code that must not be sent", 1002, [masked(0x88, new Uint8Array([1005 >> 8, 1005 & 255]))]],
];

for (const [what, code, frames] of WRONG) {
  Deno.test(`${what} is refused with ${code}`, async () => {
    await using t = await bench();
    const { connection } = await rawHandshake(t.server.port, "/");
    using _ = connection;
    for (const frame of frames) await connection.write(frame);
    assertEquals(await closeCode(connection), code);
    assertEquals((await t.closed).code, code);
    assertEquals(t.texts, []);
  });
}

Deno.test("a peer that does not read is cut after the time for closing, and what waited for it is gone", async () => {
  await using t = await bench({ closeTimeoutMs: 50 });
  const { connection } = await rawHandshake(t.server.port, "/");
  using _ = connection;
  const transport = await t.transport;
  const chunk = new Uint8Array(65_536);
  while (transport.send(chunk));
  assert(transport.bufferedBytes > 4_000_000);
  transport.close(CLOSE.slowConsumer);
  assertEquals((await t.closed).code, CLOSE.slowConsumer.code);
  await t.server.stop(60_000); // ends once the connection is gone, and not by its own cut
  assertEquals(transport.bufferedBytes, 0);
});

/** A server that looks for silent peers when the test says so, and not by itself. */
async function benchWithSweep(): Promise<{ t: Bench; sweep: () => void }> {
  const { setInterval } = globalThis;
  const sweeps: (() => void)[] = [];
  globalThis.setInterval = ((sweep: () => void) => sweeps.push(sweep)) as typeof setInterval;
  const starting = bench();
  globalThis.setInterval = setInterval;
  assertEquals(sweeps.length, 1);
  return { t: await starting, sweep: sweeps[0]! };
}

Deno.test("a peer that answers no ping is cut, one that answers stays", async () => {
  const { t: server, sweep } = await benchWithSweep();
  await using t = server;
  const { connection: silent } = await rawHandshake(t.server.port, "/");
  using _silent = silent;
  const { connection: answering } = await rawHandshake(t.server.port, "/");
  using _answering = answering;
  sweep(); // both have just been heard
  sweep();
  const ping = new Uint8Array([0x89, 0]);
  assertEquals([await take(silent, 2), await take(answering, 2)], [ping, ping]);
  await answering.write(masked(0x8a, ""));
  await exchange(t.server.port, LAST); // what was sent before it has been read
  sweep();
  assertEquals((await t.closed).code, 1006);
  await answering.write(masked(0x81, "here"));
  assertEquals((await take(answering, 6)).slice(2), new TextEncoder().encode("here"));
});

Deno.test("no peer is cut by a look that comes late: its answer may be there", async () => {
  const { t: server, sweep } = await benchWithSweep();
  await using t = server;
  const { connection } = await rawHandshake(t.server.port, "/");
  using _ = connection;
  const { performance } = globalThis;
  let lateMs = 0;
  const late = { now: () => performance.now() + lateMs } as Performance;
  Object.defineProperty(globalThis, "performance", { configurable: true, value: late });
  try {
    sweep();
    sweep();
    lateMs = 3_600_000;
    sweep();
    assert((await t.transport).open);
    sweep();
  } finally {
    Object.defineProperty(globalThis, "performance", { configurable: true, value: performance });
  }
  assertEquals((await t.closed).code, 1006);
});

/** Sends the text of requests over one connection and returns all that comes back until it ends. */
async function exchange(port: number, ...requests: string[]): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  for (const request of requests) await connection.write(new TextEncoder().encode(request));
  return await rest(connection);
}

const LAST = "GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

Deno.test("one connection carries several requests, a HEAD without a body among them", async () => {
  await using t = await bench({ fetch: (request) => new Response(new URL(request.url).pathname) });
  const answers = await exchange(
    t.server.port,
    "GET /one HTTP/1.1\r\nhost: x\r\n\r\n",
    "HEAD /two HTTP/1.1\r\nhost: x\r\n\r\n",
    LAST,
  );
  assertEquals(answers.match(/HTTP\/1\.1 200/g)?.length, 3);
  assertMatch(answers, /content-length: 4\r\n[^]*\/one/i);
  assert(!answers.includes("/two"));
  assert(answers.endsWith("/last"));
});

Deno.test("a request for another protocol than WebSocket is answered as the plain one it also is", async () => {
  await using t = await bench();
  const upgrade = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n\r\n";
  assertMatch(await exchange(t.server.port, upgrade, LAST), /^HTTP\/1\.1 200 [^]*hello/);
});

Deno.test("a request that cannot be understood gets 400, and so does a head that is too large 431", async () => {
  await using t = await bench();
  assertMatch(
    await exchange(t.server.port, "GET / HTTP/1.1\r\nhost: a b\r\n\r\n" + LAST),
    /^HTTP\/1\.1 400 /,
  );
  assertMatch(
    await exchange(t.server.port, "TRACE / HTTP/1.1\r\nhost: x\r\n\r\n" + LAST),
    /^HTTP\/1\.1 400 /,
  );
  const large = `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`;
  assertMatch(await exchange(t.server.port, large), /^HTTP\/1\.1 431 /);
  assertEquals(t.faults, []);
});

Deno.test("a body that nobody reads does not spoil the connection", async () => {
  await using t = await bench();
  const post = `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n${"z".repeat(300_000)}`;
  const answers = await exchange(t.server.port, post, LAST);
  assertEquals(answers.match(/HTTP\/1\.1 200/g)?.length, 2);
});

Deno.test("a body comes through whole, in pieces and with repeated headers", async () => {
  await using t = await bench({
    fetch: async (request) =>
      Response.json({ got: await request.text(), tags: request.headers.get("tag") }, {
        headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]],
      }),
  });
  const chunked = "POST / HTTP/1.1\r\nhost: x\r\ntag: 1\r\ntag: 2\r\ntransfer-encoding: chunked\r\n" +
    "connection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  const answer = await exchange(t.server.port, chunked);
  assertStringIncludes(answer, '{"got":"abcde","tags":"1, 2"}');
  assertMatch(answer, /set-cookie: a=1\r\nset-cookie: b=2\r\n/);
});

Deno.test("a download is read no faster than the peer takes it, and ends when the peer goes", async () => {
  const chunk = new Uint8Array(65_536);
  const cancelled = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  let produced = 0;
  const endless = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        produced += chunk.byteLength;
        controller.enqueue(chunk);
      },
      cancel: () => cancelled.resolve(),
    });
  const fetch = (request: Request) => {
    if (!request.url.endsWith("/endless")) return new Response("hello");
    request.signal.addEventListener("abort", () => aborted.resolve());
    return new Response(endless());
  };
  await using t = await bench({ fetch });
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: t.server.port });
  await connection.write(new TextEncoder().encode("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n"));
  await connection.read(new Uint8Array(100));
  for (let before = -1; before !== produced;) {
    before = produced;
    await exchange(t.server.port, LAST); // long enough for more, were there no end to it
  }
  assertLess(produced, 32_000_000); // the system's own buffers
  connection.close();
  await Promise.all([cancelled.promise, aborted.promise]);
  assertEquals(t.faults, []);
});

/**
 * A server that shows a runtime's transports at work, run as a program by the conformance suite: it prints its
 * port, does what the path and the messages of a connection ask for, and keeps a list of what it saw.
 *
 * Paths: `/echo` (any text or binary comes back; texts that name a command are obeyed), `/refuse`, `/crash`. An offer
 * of WebRTC is POSTed to `/rtc`; its control channel is answered as `/echo` is.
 * `GET /events?after=N` answers once more than N events were seen. A line on standard input stops it.
 *
 * @module
 */
import process from "node:process";
import { CLOSE } from "../../protocol/close_codes.ts";
import { Counters } from "../../hub/counters.ts";
import { HttpSignalling } from "../../rtc/http_signalling.ts";
import { Population } from "../../rtc/population.ts";
import { parseSdpFragment } from "../../rtc/sdpfrag.ts";
import { RTC_DEFAULTS } from "../../rtc/settings.ts";
import { currentRuntime } from "../../runtime/mod.ts";
import type { Transport, TransportHandlers } from "../../transport/transport.ts";

/** What the server noticed. */
export type Seen =
  | { kind: "opened"; remote: string }
  | { kind: "closed"; code: number; reason: string; traffic: Transport["traffic"] }
  | { kind: "fault"; where: string; message: string }
  | { kind: "report"; value: Record<string, unknown> };

const seen: Seen[] = [];
let wake = Promise.withResolvers<void>();

function note(event: Seen): void {
  seen.push(event);
  wake.resolve();
  wake = Promise.withResolvers();
}

const runtime = currentRuntime();
const group = runtime.group();
const CHUNK = new Uint8Array(65_536).fill(7);

/** Sends chunks until one is refused, and tells how far it came. */
function flood(transport: Transport): void {
  let accepted = 0;
  while (accepted < 10_000 && transport.send(CHUNK)) accepted++;
  const { bufferedBytes, traffic } = transport;
  note({ kind: "report", value: { accepted, bufferedBytes, bytesOut: traffic.bytesOut } });
}

/** Everybody joined gets the same; the borrowed bytes are spoilt right after, as an encoder would. */
function broadcast(transport: Transport, bytes: number): void {
  const message = new Uint8Array(bytes).fill(1);
  const refused = group.send(message);
  message.fill(2);
  transport.send("after the broadcast");
  note({ kind: "report", value: { size: group.size, refused: refused.length } });
}

function obey(transport: Transport, command: string, argument: string): boolean {
  switch (command) {
    case "traffic":
      return transport.send(JSON.stringify(transport.traffic));
    case "close": {
      const open = transport.open;
      transport.close(CLOSE.replaced, argument);
      note({ kind: "report", value: { open, after: transport.open, sent: transport.send("too late") } });
      return true;
    }
    case "last-words":
      group.send(new Uint8Array([1, 2, 3]));
      transport.send("bye");
      transport.close(CLOSE.goingAway);
      return true;
    case "throw":
      throw new Error(argument);
    case "join":
      group.add(transport);
      return transport.send(`joined ${group.size}`);
    case "leave":
      group.delete(transport);
      return transport.send(`left ${group.size}`);
    case "broadcast":
      broadcast(transport, Number(argument));
      return true;
    case "flood-and-broadcast":
      flood(transport);
      broadcast(transport, Number(argument));
      return true;
    case "flood-and-close":
      flood(transport);
      transport.close(CLOSE.goingAway);
      return true;
    case "flood":
      flood(transport);
      return true;
    default:
      return false;
  }
}

function accept(transport: Transport): TransportHandlers {
  note({ kind: "opened", remote: transport.remote });
  return {
    binary(bytes) {
      if (bytes.constructor !== Uint8Array) {
        throw new Error(`lent a ${bytes.constructor.name}, which slices by view`);
      }
      transport.send(bytes);
    },
    text(text) {
      const [command = "", argument = ""] = text.split(/:(.*)/s);
      if (!obey(transport, command, argument)) transport.send(text);
    },
    closed: ({ code, reason }) => note({ kind: "closed", code, reason, traffic: { ...transport.traffic } }),
  };
}

async function events(after: number): Promise<Response> {
  while (seen.length <= after) await wake.promise;
  return Response.json(seen.slice(after));
}

const LIMITS = { maxMessageBytes: 262_144, maxBufferedBytes: 1_048_576 };

function onFault(error: unknown, where: string): void {
  note({ kind: "fault", where, message: error instanceof Error ? error.message : String(error) });
}

/** However slow the machine, a negotiation is not over before its test is. */
const SETTINGS = { ...RTC_DEFAULTS, negotiateWithinMs: 600_000 };

const rtc = new HttpSignalling({
  settings: SETTINGS,
  counters: new Counters(),
  population: new Population(SETTINGS),
  limits: { ...LIMITS, onFault },
});

async function signalled(request: Request, pathname: string): Promise<Response> {
  const tokenId = "test";
  if (request.method === "POST") {
    const { session, sdp } = await rtc.offer({
      sdp: await request.text(),
      remote: "127.0.0.1:9",
      tokenId,
      accept,
    });
    return new Response(sdp, {
      status: 201,
      headers: { location: `rtc/${session.id}`, etag: session.etag },
    });
  }
  rtc.find(pathname.slice("/rtc/".length), tokenId)?.trickle(parseSdpFragment(await request.text()));
  return new Response(null, { status: 204 });
}

async function main(): Promise<void> {
  const [cert, key] = [runtime.env("TEST_CERT"), runtime.env("TEST_KEY")];
  const server = await runtime.serve({
    hostname: "127.0.0.1",
    port: 0,
    ...LIMITS,
    ...(cert && key ? { tls: { cert, key } } : {}),
    fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/crash") throw new Error("asked to");
      if (pathname.startsWith("/rtc")) return signalled(request, pathname);
      if (pathname !== "/events") return new Response("hello");
      return events(Number(searchParams.get("after")));
    },
    async upgrade(request) {
      const offered = request.headers.get("sec-websocket-protocol");
      await Promise.resolve(); // deciding takes a turn, as looking up a token does
      const { pathname } = new URL(request.url);
      if (pathname === "/refuse") return new Response("not you", { status: 403 });
      if (pathname === "/crash") throw new Error("asked to");
      return offered?.split(/, */).includes("tidegate.v1") ? { protocol: "tidegate.v1", accept } : { accept };
    },
    onFault,
  });
  console.log(JSON.stringify({ port: server.port }));
  process.stdin.once("data", async () => {
    const stopped = server.stop(Number(runtime.env("TEST_GRACE") ?? 3_000));
    console.log("stopping");
    await stopped;
    console.log("stopped");
    process.exit(0);
  });
}

await main();

/**
 * A stand-in for the gateway that serves the live page and speaks a dashboard's side of the protocol from a
 * script, so that a test of the page decides what the page gets to see.
 *
 * @module
 */
import { BatchWriter } from "../../protocol/batch.ts";
import {
  type ChannelAnnouncement,
  type DashboardMessage,
  parseDashboardMessage,
} from "../../protocol/control.ts";
import { SUBPROTOCOL } from "../../protocol/limits.ts";
import { welcome } from "./welcome.ts";
import { loadWebAssets, PAGE_CONTENT_SECURITY_POLICY } from "../../web/assets.ts";

/** Token that the stand-in takes. */
export const FAKE_TOKEN = "tg_test";

/** A topic of the script: how it is announced, and what it is worth at a moment. */
export interface FakeTopic {
  announcement: Omit<ChannelAnnouncement, "channel" | "epoch">;
  /** Payload at `timeUs`. */
  at(timeUs: number): Uint8Array;
  /** Samples a second; 0 for a topic that says its value once. */
  hz: number;
  /** It has a past, and nothing new. */
  over?: boolean;
}

/** What the stand-in does. */
export interface FakeGatewayOptions {
  topics: FakeTopic[];
  port?: number;
  /** Seconds of recorded past that a subscription gets first. */
  historySeconds?: number;
  epoch?: string;
}

/** How often live samples go out, in milliseconds. */
const TICK_MS = 100;

/** The stand-in while it runs. */
export class FakeLiveGateway implements AsyncDisposable {
  /** What dashboards sent. */
  readonly heard: DashboardMessage[] = [];
  #heardMore = Promise.withResolvers<void>();
  readonly #options: FakeGatewayOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #sockets = new Map<WebSocket, number>();
  readonly #offsets: number[];
  #timer: ReturnType<typeof setInterval>;

  static async start(options: FakeGatewayOptions): Promise<FakeLiveGateway> {
    return new FakeLiveGateway(options, await loadWebAssets());
  }

  private constructor(options: FakeGatewayOptions, assets: Awaited<ReturnType<typeof loadWebAssets>>) {
    this.#options = options;
    this.#offsets = options.topics.map(() => 0);
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: options.port ?? 0, onListen: () => {} },
      async (request) => {
        const { pathname } = new URL(request.url);
        const loggedIn = request.headers.get("cookie")?.includes(`tidegate=${FAKE_TOKEN}`) ?? false;
        if (pathname === "/v1/login") return await logIn(request);
        if (pathname === "/v1/logout") return logOut();
        if (pathname === "/v1/live") {
          return loggedIn ? this.#upgrade(request) : new Response(null, { status: 401 });
        }
        if (pathname === "/v1/me") {
          return Response.json({ role: "dashboard" }, { status: loggedIn ? 200 : 401 });
        }
        const asset = assets.get(pathname);
        if (!asset) return new Response(null, { status: 404 });
        const headers = {
          "content-type": asset.contentType,
          etag: asset.etag,
          "content-security-policy": PAGE_CONTENT_SECURITY_POLICY,
        };
        return new Response(asset.body, { headers });
      },
    );
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get port(): number {
    return this.#server.addr.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Stops as if killed: connections break without a word. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const socket of this.#sockets.keys()) socket.close(1001);
    await this.#server.shutdown();
  }

  /** Waits until dashboards have sent so many messages of a type, and returns all of those. */
  async hears<T extends DashboardMessage["type"]>(type: T, count: number) {
    for (;;) {
      const heard = this.heard.filter((one): one is Extract<DashboardMessage, { type: T }> =>
        one.type === type
      );
      if (heard.length >= count) return heard;
      await this.#heardMore.promise;
    }
  }

  #upgrade(request: Request): Response {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: SUBPROTOCOL });
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#message(socket, parseDashboardMessage(data));
    socket.onclose = () => this.#sockets.delete(socket);
    return response;
  }

  #message(socket: WebSocket, message: DashboardMessage): void {
    this.heard.push(message);
    this.#heardMore.resolve();
    this.#heardMore = Promise.withResolvers();
    const say = (answer: unknown) => socket.send(JSON.stringify(answer));
    switch (message.type) {
      case "hello":
        return say(
          welcome(Date.now() * 1000, { epoch: this.#epoch, rights: { read: ["#"], write: ["#"] } }),
        );
      case "clock":
        return say({ type: "clock_reply", t: message.t, at: Date.now() * 1000 });
      case "subscribe":
        say({ type: "channels", channels: this.#announcements() });
        say({ type: "subscribed", id: message.id, feed: 7, live: false });
        this.#past(socket);
        this.#sockets.set(socket, 7);
        return say({ type: "subscribed", id: message.id, feed: 7, live: true });
      case "write":
        return say({ type: "result", id: message.id, status: "done" });
      default:
        return;
    }
  }

  get #epoch(): string {
    return this.#options.epoch ?? "fake.1";
  }

  #announcements(): ChannelAnnouncement[] {
    return this.#options.topics.map(({ announcement }, channel) => ({
      ...announcement,
      channel,
      epoch: this.#epoch,
    }));
  }

  #past(socket: WebSocket): void {
    const writer = new BatchWriter({ maxBytes: 200_000, feed: 7, recorded: true });
    const nowUs = Date.now() * 1000;
    const seconds = this.#options.historySeconds ?? 0;
    this.#options.topics.forEach((topic, channel) => {
      const count = topic.hz === 0 ? 1 : Math.floor(seconds * topic.hz);
      this.#offsets[channel] = Math.max(this.#offsets[channel]!, count);
      for (let back = count; back > 0; back--) {
        const timeUs = Math.round(nowUs - back * 1e6 / (topic.hz || 1));
        const offset = this.#offsets[channel]! - back + 1;
        if (writer.add(channel, offset, timeUs, topic.at(timeUs))) continue;
        socket.send(writer.takeCopy());
        writer.add(channel, offset, timeUs, topic.at(timeUs));
      }
    });
    if (writer.count > 0) socket.send(writer.takeCopy());
  }

  #tick(): void {
    const writer = new BatchWriter({ maxBytes: 200_000, feed: 7 });
    const nowUs = Date.now() * 1000;
    const tick = Math.floor(nowUs / (TICK_MS * 1000));
    this.#options.topics.forEach((topic, channel) => {
      const every = topic.hz === 0 || topic.over ? 0 : Math.max(1, Math.round(1000 / TICK_MS / topic.hz));
      if (every === 0 || tick % every !== 0) return;
      writer.add(channel, ++this.#offsets[channel]!, nowUs, topic.at(nowUs));
    });
    if (writer.count === 0) return;
    const frame = writer.takeCopy();
    for (const socket of this.#sockets.keys()) {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame);
    }
  }
}

async function logIn(request: Request): Promise<Response> {
  const { token } = await request.json();
  if (token !== FAKE_TOKEN) return new Response(null, { status: 401 });
  const cookie = `tidegate=${FAKE_TOKEN}; HttpOnly; SameSite=Strict; Path=/`;
  return Response.json({ role: "dashboard" }, { headers: { "set-cookie": cookie } });
}

function logOut(): Response {
  return new Response(null, { status: 204, headers: { "set-cookie": "tidegate=; Max-Age=0; Path=/" } });
}

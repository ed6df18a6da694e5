/**
 * The embedded broker: MQTT 3.1.1 by aedes, with the gateway's tokens, topics and sessions. A client that
 * publishes is a device; what any device sends goes out on `tidegate/<gateway>/<device>/<channel>`.
 *
 * Of aedes' own distribution only the protocol is used: what clients publish goes to the hub, and what they
 * subscribe to comes from it, so that MQTT clients see and are seen like every other peer.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import {
  Aedes,
  type AuthenticateError,
  type Client,
  type PublishPacket,
  type SubscribePacket,
  type Subscription,
} from "aedes";
import { mayRead } from "../../hub/access.ts";
import type { BrokerConnection } from "./connection.ts";
import type { BrokerContext, MqttAdmission } from "./context.ts";
import { MqttDeviceSession, type Taken } from "./device_session.ts";
import { farewell } from "./farewell.ts";
import { FanOut } from "./fan_out.ts";
import { forwarded } from "./forwarding.ts";
import { Intake } from "./intake.ts";
import { KeptSessions } from "./kept_sessions.ts";
import { limitPackets } from "./packet_limit.ts";
import { MqttPeer } from "./peer.ts";
import { refusal, RETURN_CODE } from "./refusal.ts";
import { retainedMessages } from "./retained.ts";
import { SparkplugTree } from "./sparkplug_tree.ts";
import { writeTo } from "./writes.ts";

/** Where a message goes that the hub has taken: nobody can subscribe here. */
const TAKEN = "$tidegate/taken";

/** A client that does not read for this long is cut, in milliseconds. */
const DRAIN_TIMEOUT_MS = 30_000;

/** Time for a new connection's CONNECT, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/** How often the totals of sessions are put on record, in milliseconds. */
const TOTALS_EVERY_MS = 5_000;

/** Filters by which a device says that others may write to it. */
const WRITES = /\/(?:set|cmd)$/;

/** The parts of aedes' store that are the hub's and the database's here. */
interface LibraryStore {
  createRetainedStreamCombi(filters: string[]): Readable;
  subscriptionsByClient(client: { id: string }): Promise<{ topic: string; qos: number }[]>;
}

/** The embedded broker. */
export class EmbeddedBroker {
  readonly #context: BrokerContext;
  readonly #aedes: Aedes;
  readonly #peers = new Map<Client, MqttPeer>();
  readonly #connections = new WeakMap<Client, BrokerConnection>();
  readonly #registered = new WeakSet<Client>();
  readonly #fanOut: FanOut;
  readonly #kept: KeptSessions;
  readonly #sparkplug: SparkplugTree | undefined;
  /** Clients that ask for a session which outlives their connection. */
  readonly #comingBack = new WeakSet<Client>();
  /** Subscriptions of the session that is being taken up again, for the library. */
  #restored: { topic: string; qos: number }[] = [];
  readonly #totals: ReturnType<typeof setInterval>;

  private constructor(context: BrokerContext) {
    this.#context = context;
    this.#fanOut = new FanOut(context.hub, context.tree);
    this.#kept = new KeptSessions(context);
    this.#sparkplug = context.sparkplug || context.hostedNodes.size > 0
      ? new SparkplugTree(context.hostedNodes, context.tree.gateway, context.clock)
      : undefined;
    this.#aedes = new Aedes({
      connectTimeout: CONNECT_TIMEOUT_MS,
      drainTimeout: DRAIN_TIMEOUT_MS,
      maxClientsIdLength: 256,
      preConnect: (client, packet, done) => {
        if (!packet.clean) this.#comingBack.add(client);
        done(null, true);
      },
      authenticate: (client, user, password, done) => this.#authenticate(client, user, password, done),
      authorizePublish: (client, packet, done) => this.#received(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => {
        this.#maySubscribe(client, subscription).then(
          (may) => done(null, may ? subscription : null),
          (error) => done(error),
        );
      },
      authorizeForward: (client, packet) => forwarded(this.#peers.get(client), packet, this.#sparkplug),
    });
    this.#aedes.on("client", (client) => this.#registered.add(client));
    this.#aedes.on("connackSent", (_, client) => this.#welcomed(client));
    this.#aedes.on("subscribe", (subscriptions, client) => this.#subscribed(client, subscriptions));
    this.#aedes.on("unsubscribe", (filters, client) => this.#unsubscribed(client, filters));
    this.#aedes.on("clientDisconnect", (client) => this.#gone(client));
    for (const event of ["clientError", "connectionError"] as const) {
      this.#aedes.on(event, (client, error) => this.#failed(client, error));
    }
    this.#totals = setInterval(() => {
      for (const peer of this.#peers.values()) peer.session?.refresh();
      this.#kept.tidy();
    }, TOTALS_EVERY_MS);
  }

  /** Starts one. */
  static async start(context: BrokerContext): Promise<EmbeddedBroker> {
    const broker = new EmbeddedBroker(context);
    await broker.#aedes.listen();
    const { persistence } = broker.#aedes as Aedes & { persistence: LibraryStore };
    persistence.createRetainedStreamCombi = (filters) => Readable.from(broker.#retained(filters));
    // The library asks right after a client has been let in.
    persistence.subscriptionsByClient = () => Promise.resolve(broker.#restored.splice(0));
    return broker;
  }

  /** Clients connected now. */
  get clients(): number {
    return this.#peers.size;
  }

  /** Sessions that clients can come back to. */
  get sessions(): number {
    return this.#kept.size;
  }

  /** Takes a connection. */
  connected(connection: BrokerConnection): void {
    const client = this.#aedes.handle(connection.stream);
    this.#connections.set(client, connection);
    limitPackets(client, (bytes) => {
      this.#context.counters.add("mqtt_broker", "packet_too_large");
      this.#context.log(
        "warn",
        `MQTT client ${connection.remote} announced a packet of ${bytes} bytes and was cut`,
      );
      connection.stream.destroy();
    });
  }

  /** Tells the clients that the gateway goes; their connections are still to be ended. */
  farewell(): Promise<void> {
    return farewell([...this.#peers.values()], this.#sparkplug);
  }

  /** Ends all connections. */
  stop(): Promise<void> {
    clearInterval(this.#totals);
    this.#fanOut.stop();
    this.#kept.stop();
    return new Promise((stopped) => this.#aedes.close(() => stopped()));
  }

  #authenticate(
    client: Client,
    user: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): void {
    const connection = this.#connections.get(client);
    if (!connection) return done(refusal(RETURN_CODE.unavailable, "the connection is gone"), false);
    const { remote } = connection;
    const admission: MqttAdmission = connection.principal
      ? { ok: true, principal: connection.principal }
      : this.#context.admit({ id: client.id, user, password: password?.toString("utf8"), remote });
    if (!admission.ok) {
      this.#context.counters.add("mqtt_broker", admission.because === "wrong" ? "refused" : "rate_limited");
      this.#context.log("warn", `MQTT client ${connection.remote} was refused: ${admission.message}`);
      const code = admission.because === "wrong" ? RETURN_CODE.badCredentials : RETURN_CODE.unavailable;
      return done(refusal(code, admission.message), false);
    }
    const { principal } = admission;
    const peer = new MqttPeer(
      client,
      connection,
      principal,
      this.#context.tree,
      (reason) => this.#context.counters.add("mqtt_broker", reason),
    );
    const stopRevoked = this.#context.authorizer.onRevoked(principal.tokenId, () => peer.end());
    connection.stream.once("close", stopRevoked);
    this.#peers.set(client, peer);
    new Intake(client, connection, {
      take: ({ topic, payload, qos }, settled) =>
        !this.#sparkplug?.carries(peer.principal, topic) && this.#take(peer, topic, payload, qos, settled),
      acknowledged: (id) => peer.kept?.acknowledged(id) ?? false,
      subscribes: (packet) => this.#subscribes(client, packet),
      write: (answer) => peer.backlog.write(answer),
    });
    // One that goes before it is registered is not told of by the library.
    connection.stream.once("close", () => this.#registered.has(client) || this.#gone(client));
    this.#takeUp(peer).then(() => {
      this.#restored = (peer.kept?.subscriptions ?? []).map(({ filter, qos }) => ({ topic: filter, qos }));
      done(null, true);
    }, (error) => done(error, false));
  }

  /** Finds the session that a client comes back to, or ends it where the client wants a clean one. */
  async #takeUp(peer: MqttPeer): Promise<void> {
    const { client, principal } = peer;
    if (!this.#comingBack.has(client)) return await this.#kept.forget(principal, client.id);
    // To the library it is a clean session all the same: it would gather what it sends in memory.
    (client as { clean: boolean }).clean = true;
    peer.kept = this.#kept.open(principal, client.id);
    peer.kept?.arrives(peer);
  }

  /** CONNACK is out, and says whether there was a session. */
  #welcomed(client: Client): void {
    const peer = this.#peers.get(client);
    if (!peer?.kept) return;
    peer.kept.begin(peer);
    this.#subscribed(client, peer.kept.subscriptions.map(({ filter, qos }) => ({ topic: filter, qos })));
  }

  /** A message can be sent again after a break, but not found to have come already: at QoS 2 that is promised. */
  #subscribes(client: Client, packet: SubscribePacket): void {
    if (!this.#comingBack.has(client)) return;
    for (const subscription of packet.subscriptions) if (subscription.qos === 2) subscription.qos = 1;
  }

  /** A message at QoS 2, or a will, from the library. It is answered when `done` is called. */
  #received(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    const peer = client ? this.#peers.get(client) : undefined;
    if (!client || !peer) return done(new Error("the client is gone"));
    const { topic } = packet;
    if (this.#sparkplug?.carries(peer.principal, topic)) {
      this.#sparkplug.pass(packet);
      return done();
    }
    packet.topic = TAKEN;
    packet.retain = false;
    this.#take(peer, topic, packet.payload, packet.qos, done);
  }

  /** A message. It is acknowledged when `done` is called: an event once it is on disk. */
  #take(
    peer: MqttPeer,
    topic: string,
    content: string | Buffer,
    qos: number,
    done: (error?: Error | null) => void,
  ): true {
    peer.countIn();
    const payload = typeof content === "string" ? Buffer.from(content) : content;
    const settled = (taken: Taken) => {
      if (taken === "busy") done(new Error("the recording cannot take more events now; send again later"));
      else done();
    };
    try {
      const inbound = this.#context.tree.inward(topic);
      if (inbound.kind === "write" && !this.#isOwn(peer, inbound.name)) {
        writeTo(this.#context, peer, inbound, payload);
        done();
        return true;
      }
      const session = this.#session(peer);
      if (session) {
        session.publish(topic, payload, qos, settled);
        return true;
      }
      this.#context.counters.add("mqtt_broker", "not_a_device");
      this.#context.log(
        "warn",
        `MQTT client ${peer.remote} published ${topic} with a ${peer.principal.role} token: only devices publish ` +
          "samples, others write to …/set and …/cmd",
      );
      done();
    } catch (error) {
      this.#context.fault("mqtt broker", error);
      done(new Error("internal error"));
    }
    return true;
  }

  /** Whether a topic belongs to the device that the client is. */
  #isOwn(peer: MqttPeer, name: string): boolean {
    const { device } = peer.principal;
    return device !== undefined && name.startsWith(`${device}/`);
  }

  #session(peer: MqttPeer): MqttDeviceSession | undefined {
    const { device } = peer.principal;
    if (peer.session || device === undefined) return peer.session;
    this.#context.seen(device);
    return peer.session = new MqttDeviceSession(this.#context, peer, device);
  }

  /** A filter without wildcards outside the client's rights is refused; others bring what it may read. */
  async #maySubscribe(client: Client, { topic: filter, qos }: Subscription): Promise<boolean> {
    const peer = this.#peers.get(client);
    if (!peer) return false;
    if (this.#sparkplug?.covers(filter) && !this.#sparkplug.mayRead(peer.principal, filter)) return false;
    const pattern = peer.tree.patternOf(filter);
    const may = pattern === undefined || /[+#]/.test(pattern) || mayRead(peer.principal, pattern);
    if (!may) return false;
    if (peer.admit(filter) && (!peer.kept || await peer.kept.subscribe(filter, qos))) return true;
    this.#context.counters.add("mqtt_broker", "session_full");
    return false;
  }

  #subscribed(client: Client, subscriptions: readonly { topic: string; qos: number }[]): void {
    const peer = this.#peers.get(client);
    if (!peer) return;
    for (const { topic, qos } of subscriptions) {
      if (qos > 2) continue; // 128: refused
      if (!(WRITES.test(topic) && this.#session(peer)?.subscribed(topic))) peer.subscribe(topic, qos);
    }
    this.#fanOut.changed(peer);
  }

  #unsubscribed(client: Client, filters: readonly string[]): void {
    const peer = this.#peers.get(client);
    if (!peer) return;
    for (const filter of filters) peer.unsubscribe(filter);
    // The library unsubscribes a client that has gone, too.
    if (!client.closed) peer.kept?.unsubscribe(filters);
    this.#fanOut.changed(peer);
  }

  #gone(client: Client): void {
    const peer = this.#peers.get(client);
    if (!peer) return;
    this.#peers.delete(client);
    this.#fanOut.left(peer);
    if (peer.kept) this.#kept.left(peer.kept, peer);
    const clean = (client as Client & { _disconnected?: boolean })._disconnected === true;
    peer.session?.finish(clean ? "normal" : "connection_lost");
  }

  #failed(client: Client, error: Error): void {
    const remote = this.#connections.get(client)?.remote ?? "unknown";
    this.#context.log("debug", `MQTT client ${remote}: ${error.message}`);
  }

  *#retained(filters: readonly string[]): Generator<object> {
    yield* retainedMessages(this.#context.hub, this.#context.tree, filters);
    if (this.#sparkplug) yield* this.#sparkplug.retained(filters);
  }
}

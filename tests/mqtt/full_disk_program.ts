/**
 * Gateways whose data folders are on small disks of their own, which fill up while the broker is away. Run by
 * full_disk_test.ts in a mount namespace, with which the disks vanish; prints what it found.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { statfs } from "node:fs/promises";
import { CLOSE } from "../../protocol/close_codes.ts";
import { type Form, shippedForms } from "../support/forms.ts";
import { GatewayProcess, runCommand } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { DashboardPeer, DevicePeer } from "../support/peer.ts";
import { assertComplete, bridges, INDEPENDENT, numbersIn } from "./event_device.ts";
import { DURABLE, MosquittoBroker, MosquittoSub } from "./mosquitto.ts";
import { notReady, ready } from "./readiness.ts";

/** A disk, large enough to be called ready while it is empty; in bytes. */
const DISK_BYTES = 96 * 1_048_576;

/** What others leave of it for the recording, in bytes. */
const ROOM_BYTES = 3 * 1_048_576;

/** Random bytes of an event, which zstd cannot make smaller. */
const RANDOM_BYTES = 12_000;

/** Events that the device sends before it waits: below the bytes that it may have unacknowledged. */
const UNDER_WAY = 16;

/** Events that are sent once there is room again. */
const AFTERWARDS = 50;

/** How long a disk may take to fill up and to be reported, and anything else that many programs at once do. */
const WITHIN_MS = 40_000;

const EVENT = 1, LEVEL = 2;

/** One gateway on its disk. */
class Side {
  gateway!: GatewayProcess;
  device!: DevicePeer;
  #token = "";
  #dashboard!: DashboardPeer;
  /** Events sent so far, and up to where they were acknowledged when the disk was full. */
  sent = 0;
  acknowledged = 0;

  constructor(readonly form: Form, readonly level: string, readonly disk: string) {}

  async start(brokerPort: number, stack: AsyncDisposableStack): Promise<void> {
    await mountDisk(this.disk);
    const bridge = { url: `mqtt://127.0.0.1:${brokerPort}`, clientId: this.level };
    const args = [...bridges(bridge), "--mqtt-name", this.level];
    this.gateway = stack.use(await GatewayProcess.start(this.form, { args, data: `${this.disk}/data` }));
    await ready(this.gateway);
    this.#token = await operator.addDevice(this.gateway, "dev");
    const { token } = await operator.dashboardToken(this.gateway);
    this.#dashboard = await DashboardPeer.connect(this.gateway, token);
    await this.#dashboard.subscribe(["dev/level"], { from: "live" });
    await this.connect();
    await this.send(20);
  }

  /** Connects the device; returns up to where its events are on disk. */
  async connect(): Promise<number> {
    this.device = await DevicePeer.connect(this.gateway, this.#token, { producer: "boot-1" });
    const { channels } = await this.device.advertise(
      { channel: EVENT, topic: "event", encoding: "utf8", class: "event" },
      { channel: LEVEL, topic: "level", encoding: "utf8" },
    );
    return channels.find(({ channel }) => channel === EVENT)?.last ?? 0;
  }

  /** Sends events and waits until they are on disk. */
  async send(events: number): Promise<void> {
    for (const to = this.sent + events; this.sent < to;) await this.#sendOne();
    await this.#onDisk(this.sent);
  }

  /** Leaves little room: sends events until the gateway says that the disk is full, and one more, upon which it sends the device away. */
  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.disk);
    await Deno.writeFile(`${this.disk}/others`, new Uint8Array(bavail * bsize - ROOM_BYTES));
    let full = false;
    const told = notReady(this.gateway, "the disk is full", WITHIN_MS).then(() => full = true);
    while (!full && !this.device.ended) {
      await this.#sendOne();
      await Promise.race([this.#onDisk(this.sent - UNDER_WAY), told]);
    }
    await told;
    if (!this.device.ended) await this.#sendOne();
    await this.isSentAway();
    this.acknowledged = this.device.acked.get(EVENT) ?? 0;
    assert(this.acknowledged < this.sent, `all ${this.sent} events are said to be on a full disk`);
  }

  async isSentAway(): Promise<void> {
    const { code, reason } = await this.device.expectEnd(WITHIN_MS);
    assertEquals({ code, reason }, { code: CLOSE.overloaded.code, reason });
  }

  /** While the disk is full: words for people, and whatever needs no disk goes on. */
  async isFullButAlive(): Promise<void> {
    await this.gateway.says(/recording has stopped: .*the disk is full; free some space/);
    const doctor = await runCommand(this.form, ["doctor", "--data", this.gateway.data]);
    assertMatch(doctor.stdout, /not ready[^]*the disk is full/);
    const last = await this.connect();
    assert(last >= this.acknowledged && last < this.sent, `${last} of ${this.sent} events on a full disk`);
    await this.showsState("live on a full disk");
    await this.device.publish(EVENT, this.#payload(this.sent), { sequence: this.sent + 1 });
    await this.isSentAway();
  }

  /** A state goes from the device to a dashboard. */
  async showsState(text: string): Promise<void> {
    await this.device.publish(LEVEL, text);
    await this.#dashboard.expectValue("dev/level", text, WITHIN_MS);
  }

  /** There is room again: the device comes back and sends what is not on disk, and more. */
  async goesOn(): Promise<void> {
    await Deno.remove(`${this.disk}/others`);
    await ready(this.gateway);
    const last = await this.connect();
    assert(last >= this.acknowledged, `${last} events on disk, and ${this.acknowledged} were acknowledged`);
    this.sent = last;
    await this.send(AFTERWARDS);
    await this.gateway.says(/recording goes on/);
  }

  async #sendOne(): Promise<void> {
    const number = ++this.sent;
    await this.device.publish(EVENT, this.#payload(number), { sequence: number });
  }

  #payload(number: number): string {
    return `${number} ${crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)).toBase64()}`;
  }

  async #onDisk(to: number): Promise<void> {
    const acked = () => this.device.ended !== undefined || (this.device.acked.get(EVENT) ?? 0) >= to;
    await this.device.until(acked, `events up to ${to} on disk`, WITHIN_MS);
  }
}

async function mountDisk(path: string): Promise<void> {
  await Deno.mkdir(path);
  const { code, stderr } = await new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tidegate", path],
  }).output();
  if (code !== 0) throw new Error(`no disk can be mounted: ${new TextDecoder().decode(stderr)}`);
}

/** Every form under soak, else one of each runtime as it is shipped, or those that are asked for. */
function forms(): Form[] {
  const all = shippedForms();
  const shipped = all.filter(({ name }) => name === "Deno, bundle" || name === "Bun, executable");
  return Deno.env.get("TIDEGATE_SOAK") || shipped.length === 0 ? all : shipped;
}

const folder = Deno.args[0]!;
await using broker = await MosquittoBroker.start(DURABLE);
await using stack = new AsyncDisposableStack();
const sides = forms().map((form, i) => new Side(form, `gw${i}`, `${folder}/${i}`));
const all = (step: (side: Side) => Promise<void>) => Promise.all(sides.map(step));
const login = { port: broker.port, args: INDEPENDENT };
await using sub = await MosquittoSub.start(login, "tidegate/+/dev/event");
const arrived = (level: string, to: number) =>
  sub.until((line) => line.startsWith(`tidegate/${level}/dev/event ${to} `), WITHIN_MS);

await all((side) => side.start(broker.port, stack));
await all(({ level, sent }) => arrived(level, sent).then(() => {}));
await broker.stop();
await all((side) => side.fill());
// A broker that comes back gets what is on record, full disk or not.
await broker.restart();
await all((side) => side.isFullButAlive());
await all(({ level, acknowledged }) => arrived(level, acknowledged).then(() => {}));
await all((side) => side.goesOn());
await all(({ level, sent }) => arrived(level, sent).then(() => {}));
for (const { form, level, sent, acknowledged, gateway } of sides) {
  const lines = sub.lines.filter((line) => line.startsWith(`tidegate/${level}/`));
  const repeated = assertComplete(numbersIn({ lines }, "dev"), sent);
  await gateway.stop();
  console.log(`${form.name}: ${sent} events, disk full behind ${acknowledged}, 0 lost, ${repeated} repeated`);
}

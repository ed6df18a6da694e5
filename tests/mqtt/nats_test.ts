/** The bridge to nats-server's MQTT, a second broker made by others. */
import { assertEquals } from "@std/assert";
import { eachForm, packedAlike, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { DevicePeer } from "../support/peer.ts";
import { freePort } from "./free_port.ts";
import { MosquittoSub } from "./mosquitto.ts";
import { ready } from "./readiness.ts";

/** A nats-server with MQTT. */
class NatsBroker {
  #child: Deno.ChildProcess;

  private constructor(readonly port: number, readonly folder: string) {
    this.#child = this.#spawn();
  }

  static async start(): Promise<NatsBroker> {
    const folder = await Deno.makeTempDir({ prefix: "tidegate-nats-" });
    const port = freePort();
    await Deno.writeTextFile(
      `${folder}/nats.conf`,
      `server_name: test\nlisten: "127.0.0.1:${freePort()}"\njetstream { store_dir: "${folder}/js" }\n` +
        `mqtt { host: "127.0.0.1", port: ${port} }\n`,
    );
    return new NatsBroker(port, folder);
  }

  #spawn(): Deno.ChildProcess {
    return new Deno.Command("nats-server", {
      args: ["-c", `${this.folder}/nats.conf`],
      env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin` },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Stops it; what it has acknowledged is in its streams. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }

  restart(): void {
    this.#child = this.#spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.folder, { recursive: true });
  }
}

eachForm(({ form, alone }) => {
  // Brokers do not see how the program is packed.
  if (packedAlike(form)) return;

  alone("a persistent session on nats-server gets every event across its restart", async (start) => {
    await using broker = await NatsBroker.start();
    const bridge = { url: `mqtt://127.0.0.1:${broker.port}`, version: 4, clean: false };
    const gateway = await start({ args: ["--mqtt-bridges", JSON.stringify([bridge]), "--mqtt-name", "gw"] });
    await ready(gateway);
    const name = uniqueName("dev");
    const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, name));
    await device.advertise({ channel: 1, topic: "event", encoding: "utf8", class: "event" });
    const login = { port: broker.port, args: ["-q", "1", "-c", "-i", "independent"] };
    await using sub = await MosquittoSub.start(login, `tidegate/gw/${name}/#`);
    const send = async (from: number, to: number) => {
      for (let i = from; i <= to; i++) await device.publish(1, String(i));
      await device.until(() => device.acked.get(1) === to, "the events on disk");
    };
    await send(1, 200);
    await sub.until((line) => line.endsWith("/event 200"));
    await broker.stop();
    await send(201, 400);
    broker.restart();
    await sub.until((line) => line.endsWith("/event 400"));
    const got = sub.payloads(`tidegate/gw/${name}/event`).map(Number);
    const seen = new Set<number>();
    assertEquals(
      got.filter((n) => !seen.has(n) && seen.add(n)),
      Array.from({ length: 400 }, (_, i) => i + 1),
    );
  });
});

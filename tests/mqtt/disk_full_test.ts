/** A disk that is full, seen by the devices, the bridge and whoever runs them. */
import { assert, assertEquals } from "@std/assert";
import { shippedForms } from "../support/forms.ts";
import { GatewayProcess } from "../support/gateway_process.ts";
import { networkTest } from "../support/link/network_case.ts";
import { assertComplete, bridges, eventDevice, numbersIn } from "./event_device.ts";
import { MosquittoBroker, MosquittoSub } from "./mosquitto.ts";
import { notReady, ready } from "./readiness.ts";

/** A disk large enough for an empty recording. */
const DISK_BYTES = 16 * 1024 * 1024;

/** A disk of its own, in memory. */
class SmallDisk implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async mount(): Promise<SmallDisk> {
    const folder = await Deno.makeTempDir({ prefix: "tidegate-disk-" });
    await run("mount", "-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tidegate-test", folder);
    return new SmallDisk(folder);
  }

  /** Takes all room that is left. */
  async fill(): Promise<void> {
    using file = await Deno.open(`${this.folder}/ballast`, { write: true, create: true });
    const block = new Uint8Array(65_536);
    for (let size = block.length; size >= 512;) {
      try {
        await file.write(block.subarray(0, size));
      } catch {
        size >>= 1;
      }
    }
  }

  async free(): Promise<void> {
    await Deno.remove(`${this.folder}/ballast`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", "-l", this.folder);
    await Deno.remove(this.folder);
  }
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    args,
    env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin:/sbin` },
  }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}

// Mounting needs what networks of one's own need.
for (const form of shippedForms().filter(({ name }) => name.endsWith("source"))) {
  networkTest(
    `[${form.name}] a full disk is told, holds events back at their device, and loses none`,
    async () => {
      await using broker = await MosquittoBroker.start();
      await using disk = await SmallDisk.mount();
      await using gateway = await GatewayProcess.start(form, {
        data: disk.folder,
        args: [...bridges({ url: `mqtt://127.0.0.1:${broker.port}` }), "--mqtt-name", "gw"],
      });
      await ready(gateway);
      await using sub = await MosquittoSub.start(
        { port: broker.port, args: ["-q", "1"] },
        "tidegate/gw/dev/#",
      );
      const device = await eventDevice(gateway, "dev");
      for (let i = 1; i <= 50; i++) await device.publish(1, String(i));
      await sub.until((line) => line.endsWith("/event 50"));
      await disk.fill();
      // What SQLite has room for in its files already may still be taken: noise until the disk is noticed.
      let sent = 50;
      const noise = crypto.getRandomValues(new Uint8Array(32_768)).toHex();
      const noticed = notReady(gateway, "the disk is full", 20_000);
      let full = false;
      noticed.then(() => full = true, () => full = true);
      while (!full) {
        await device.publish(1, `${++sent} ${noise}`);
        await new Promise((go) => setTimeout(go, 20));
      }
      await noticed;
      assert(gateway.diagnosis().includes("the disk is full"), gateway.diagnosis());
      const acked = device.acked.get(1) ?? 0;
      assert(acked < sent, "events were acknowledged that are not on disk");
      // States, which need no disk, go on.
      await device.publish(2, new Uint8Array(new Float64Array([3.5]).buffer));
      await sub.until((line) => line.endsWith("/level 3.5"));
      await disk.free();
      await device.until(() => device.acked.get(1) === sent, "the events on disk", 20_000);
      await sub.until((line) => line.includes(`/event ${sent}`));
      await ready(gateway);
      assertEquals(assertComplete(numbersIn(sub, "dev"), sent), 0);
    },
  );
}

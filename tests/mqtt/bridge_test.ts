/** The bridge to brokers outside, against mosquitto. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { runCommand } from "../support/gateway_process.ts";
import { DEADLINE_MS } from "../support/peer.ts";
import { assertComplete, bridges, eventDevice, INDEPENDENT, numbersIn, sendEvents } from "./event_device.ts";
import { notReady, ready } from "./readiness.ts";
import { DURABLE, MosquittoBroker, mosquittoPub, MosquittoSub } from "./mosquitto.ts";

eachForm(({ form, alone }) => {
  for (const version of [4, 5]) {
    alone(
      `states, events, birth and writes travel over MQTT ${version === 4 ? "3.1.1" : "5"}`,
      async (start) => {
        await using broker = await MosquittoBroker.start();
        const url = `mqtt://127.0.0.1:${broker.port}`;
        const gateway = await start({ args: [...bridges({ url, version }), "--mqtt-name", "gw"] });
        const name = uniqueName("dev");
        const device = await eventDevice(gateway, name);
        await using sub = await MosquittoSub.start({ port: broker.port, args: ["-q", "1"] }, "tidegate/#");
        await sub.until((line) => line === "tidegate/gw/$status online");
        await device.publish(2, new Uint8Array(new Float64Array([1.5]).buffer));
        await sub.until((line) => line === `tidegate/gw/${name}/level 1.5`);
        await sendEvents(device, 1, 100);
        await sub.until((line) => line === `tidegate/gw/${name}/event 100`);
        assertEquals(assertComplete(numbersIn(sub, name), 100), 0);
        await mosquittoPub({ port: broker.port }, `tidegate/gw/${name}/target/set`, "7.25");
        const received = await device.until(() => device.received[0], "the desired value");
        assertEquals(new Float64Array(received.payload.slice().buffer)[0], 7.25);
        await gateway.stop();
        await sub.until((line) => line === "tidegate/gw/$status offline");
      },
    );
  }

  alone("a broker that restarts under load gets every event, in order", async (start) => {
    const rounds = Deno.env.get("TIDEGATE_SOAK") ? 100 : form.name.includes("source") ? 4 : 2;
    await using broker = await MosquittoBroker.start(DURABLE);
    const gateway = await start({
      args: [...bridges({ url: `mqtt://127.0.0.1:${broker.port}` }), "--mqtt-name", "gw"],
    });
    const name = uniqueName("dev");
    const device = await eventDevice(gateway, name);
    await using sub = await MosquittoSub.start({ port: broker.port, args: INDEPENDENT }, "tidegate/#");
    let sent = 0;
    for (let round = 0; round < rounds; round++) {
      const sending = sendEvents(device, sent + 1, sent += 500);
      await broker.stop();
      await sending;
      await sendEvents(device, sent + 1, sent += 500);
      await broker.restart();
    }
    await sub.until((line) => line === `tidegate/gw/${name}/event ${sent}`, DEADLINE_MS + sent);
    const repeated = assertComplete(numbersIn(sub, name), sent);
    assert(repeated <= rounds * 512, `${repeated} events came again`);
    console.log(
      `${form.name}: ${sent} events, ${rounds} restarts of the broker, 0 lost, ${repeated} repeated`,
    );
  });

  alone("a gateway killed while it drains loses nothing", async (start) => {
    const rounds = Deno.env.get("TIDEGATE_SOAK") ? 50 : 2;
    await using broker = await MosquittoBroker.start(DURABLE);
    const args = [
      ...bridges({ name: "b", url: `mqtt://127.0.0.1:${broker.port}`, drainPerSecond: 2_000 }),
      "--mqtt-name",
      "gw",
    ];
    const name = uniqueName("dev");
    let gateway = await start({ args });
    const folder = gateway.data;
    const device = await eventDevice(gateway, name);
    // Its session outlives the broker's restart: the drain may begin before it has come back.
    await using sub = await MosquittoSub.start({ port: broker.port, args: INDEPENDENT }, "tidegate/#");
    await broker.stop();
    await sendEvents(device, 1, 3_000);
    await gateway.kill();
    await broker.restart();
    for (let round = 1; round <= rounds; round++) {
      gateway = await start({ args, data: folder });
      // Killed in the middle of the drain, wherever that is.
      const seen = numbersIn(sub, name).length;
      if (seen < 3_000) {
        let events = 0;
        await sub.until(
          (line) => line.endsWith("/event 3000") || (line.includes("/event ") && ++events > seen + 50),
        );
      }
      await gateway.kill();
    }
    gateway = await start({ args, data: folder });
    await sub.until((line) => line === `tidegate/gw/${name}/event 3000`);
    const repeated = assertComplete(numbersIn(sub, name), 3_000);
    console.log(
      `${form.name}: 3000 events, ${rounds + 1} kills of the gateway, 0 lost, ${repeated} repeated`,
    );
  });

  alone("bridge verify breaks a bridge of its own and counts nothing lost", async () => {
    await using broker = await MosquittoBroker.start();
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const args = ["bridge", "verify", url, "--rounds", "3", "--events", "200", "--json"];
    const { code, stdout, stderr } = await runCommand(form, args);
    assertEquals(code, 0, stderr);
    const { sent, received, lost, outOfOrder } = JSON.parse(stdout);
    assertEquals({ sent, received, lost, outOfOrder }, { sent: 600, received: 600, lost: 0, outOfOrder: 0 });
  });

  alone(
    "a broker that never answers is given up on, in words, and does not hold the gateway",
    async (start) => {
      const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const open: Deno.Conn[] = [];
      const accepting = (async () => {
        for await (const conn of silent) open.push(conn);
      })();
      const url = `mqtt://127.0.0.1:${(silent.addr as Deno.NetAddr).port}`;
      const gateway = await start({ args: bridges({ name: "mute", url, connectTimeoutS: 1 }) });
      await notReady(gateway, "no answer within 1000 ms");
      const device = await eventDevice(gateway, uniqueName("dev"));
      await sendEvents(device, 1, 10);
      silent.close();
      for (const conn of open) conn.close();
      await accepting;
      await gateway.stop();
    },
  );

  alone("a wrong password is told in words, in the log and in readiness", async (start) => {
    await using broker = await passwordBroker();
    const url = `mqtt://gw:wrong@127.0.0.1:${broker.port}`;
    const gateway = await start({ args: bridges({ name: "locked", url }) });
    await notReady(gateway, "wrong user name or password|not authorised");
    await gateway.says(/MQTT bridge locked: /); // over another way than readiness
    assert(!gateway.diagnosis().includes("wrong@"), "the password is in the log");
    if (form.name.includes("source")) {
      const args = ["doctor", "--data", await Deno.makeTempDir(), "--listen", "127.0.0.1:0"];
      const doctor = await runCommand(form, [...args, ...bridges({ name: "locked", url })]);
      assertMatch(doctor.stdout, /wrong user name or password|not authorised/);
      assert(!doctor.stdout.includes("wrong@"), "doctor prints the password");
    }
    const right = await start({ args: bridges({ url: `mqtt://gw:right@127.0.0.1:${broker.port}` }) });
    await ready(right);
  });
});

/** A broker that lets in `gw` with the password `right`. */
async function passwordBroker(): Promise<MosquittoBroker> {
  const folder = await Deno.makeTempDir();
  const { code } = await new Deno.Command("mosquitto_passwd", {
    args: ["-b", "-c", `${folder}/passwd`, "gw", "right"],
  }).output();
  assertEquals(code, 0);
  return await MosquittoBroker.start(["allow_anonymous false", `password_file ${folder}/passwd`]);
}

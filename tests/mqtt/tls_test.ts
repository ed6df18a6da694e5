/** Bridges over TLS: mutual authentication, and what is said when a certificate is wrong. */
import { assertStringIncludes } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { runCommand } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { DevicePeer } from "../support/peer.ts";
import { Authority } from "./certificates.ts";
import { MosquittoBroker, MosquittoSub } from "./mosquitto.ts";
import { notReady, ready } from "./readiness.ts";

/** Writes the texts into a folder and returns their paths. */
async function files<K extends string>(texts: Record<K, string>): Promise<Record<K, string>> {
  const folder = await Deno.makeTempDir({ prefix: "tidegate-tls-" });
  const paths: Partial<Record<K, string>> = {};
  for (const [name, text] of Object.entries(texts) as [K, string][]) {
    paths[name] = `${folder}/${name}.pem`;
    await Deno.writeTextFile(paths[name], text);
  }
  return paths as Record<K, string>;
}

/** A broker that takes only clients with a certificate of its authority. */
async function tlsBroker(options: { expired?: boolean } = {}) {
  const authority = await Authority.make("Broker's authority");
  const server = await authority.issue("localhost", options);
  const client = await authority.issue("gateway");
  const stranger = await (await Authority.make("Another authority")).issue("stranger");
  const paths = await files({
    ca: authority.pem,
    cert: server.cert,
    key: server.key,
    clientCert: client.cert,
    clientKey: client.key,
    strangerCert: stranger.cert,
    strangerKey: stranger.key,
    otherCa: (await Authority.make("Yet another authority")).pem,
  });
  const broker = await MosquittoBroker.start([
    "allow_anonymous true",
    `cafile ${paths.ca}`,
    `certfile ${paths.cert}`,
    `keyfile ${paths.key}`,
    "require_certificate true",
  ]);
  return { broker, paths, url: `mqtts://localhost:${broker.port}` };
}

const bridges = (...configs: object[]) => ["--mqtt-bridges", JSON.stringify(configs)];

eachForm(({ form, alone }) => {
  alone("mutual TLS carries the bridge, with MQTT 5 and 3.1.1", async (start) => {
    const { broker, paths, url } = await tlsBroker();
    await using _ = broker;
    const tls = { caFile: paths.ca, certFile: paths.clientCert, keyFile: paths.clientKey };
    const gateway = await start({
      args: [
        ...bridges({ name: "five", url, ...tls }, {
          name: "four",
          url,
          ...tls,
          version: 4,
          clientId: "four",
        }),
        "--mqtt-name",
        "gw",
      ],
    });
    await ready(gateway);
    const login = {
      port: broker.port,
      args: ["--cafile", paths.ca, "--cert", paths.clientCert, "--key", paths.clientKey, "-q", "1"],
    };
    await using sub = await MosquittoSub.start(login, "tidegate/#");
    const name = uniqueName("dev");
    const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, name));
    await device.advertise({ channel: 1, topic: "event", encoding: "utf8", class: "event" });
    await device.publish(1, "over TLS");
    const wanted = `tidegate/gw/${name}/event over TLS`;
    await sub.until((line) => line === wanted);
    let times = 0;
    await sub.until((line) => line === wanted && ++times === 2);
  });

  alone("a wrong authority, an expired certificate and a stranger's are told in words", async (start) => {
    const { broker, paths, url } = await tlsBroker();
    await using _ = broker;
    const old = await tlsBroker({ expired: true });
    await using __ = old.broker;
    const own = { certFile: paths.clientCert, keyFile: paths.clientKey };
    const gateway = await start({
      args: bridges(
        { name: "wrong-ca", url, caFile: paths.otherCa, ...own },
        { name: "expired", url: old.url, caFile: old.paths.ca, ...own },
        { name: "stranger", url, caFile: paths.ca, certFile: paths.strangerCert, keyFile: paths.strangerKey },
      ),
    });
    await notReady(gateway, "wrong-ca[^;]*not signed by an authority that is trusted");
    await notReady(gateway, "expired[^;]*the broker's certificate has expired");
    await notReady(
      gateway,
      "stranger[^;]*did not accept the client's certificate|stranger[^;]*the connection was cut",
    );
    await gateway.says(/not signed by an authority that is trusted/);
    await gateway.says(/the broker's certificate has expired/);
    const doctor = await runCommand(form, [
      "doctor",
      "--data",
      await Deno.makeTempDir(),
      "--listen",
      "127.0.0.1:0",
      ...bridges(
        { name: "expired", url: old.url, caFile: old.paths.ca, ...own },
        { name: "wrong-ca", url, caFile: paths.otherCa, ...own },
      ),
    ]);
    assertStringIncludes(doctor.stdout, "the broker's certificate has expired");
    assertStringIncludes(doctor.stdout, "not signed by an authority that is trusted");
  });
});

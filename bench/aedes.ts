/**
 * aedes, an MQTT broker in JavaScript, fetched from npm at run time: it is no dependency of the gateway.
 *
 * @module
 */
import { Child, freePort, listens } from "./child.ts";
import type { Server } from "./servers.ts";

const VERSION = "1.2.0";

const PROGRAM = `import { Aedes } from "npm:aedes@${VERSION}";
import { createServer } from "node:net";
const broker = await Aedes.createBroker();
createServer((socket) => { socket.setNoDelay(true); broker.handle(socket); }).listen(Number(Deno.args[0]), "127.0.0.1");
`;

/** Time to fetch the package on the first start, in milliseconds. */
const FETCH_WITHIN_MS = 30_000;

/** The broker on Deno. */
export const aedes: Server = {
  name: "aedes",
  ours: false,
  describe: () => Promise.resolve(`aedes ${VERSION} on Deno ${Deno.version.deno}, MQTT over TCP, QoS 0`),
  async start() {
    const folder = await Deno.makeTempDir({ prefix: "aedes-" });
    await Deno.writeTextFile(`${folder}/broker.ts`, PROGRAM);
    const port = freePort();
    const args = ["run", "-A", "--no-config", "--no-check", "--no-lock", `${folder}/broker.ts`, String(port)];
    const child = Child.start(Deno.execPath(), args, { cwd: folder });
    await child.until(() => listens(port), FETCH_WITHIN_MS);
    return {
      address: { protocol: "mqtt", host: "127.0.0.1", port, pid: child.pid },
      async stop() {
        await child.stop();
        await Deno.remove(folder, { recursive: true });
      },
    };
  },
};

/**
 * Signal K's server on the Node that it asks for, both fetched from npm at run time: they are no dependency of
 * the gateway.
 *
 * @module
 */
import { Child, freePort, listens, output } from "./child.ts";
import type { Server } from "./servers.ts";

const VERSION = "2.23.0";
const NODE = `node-linux-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}@22.23.3`;

/** Kept from one benchmark to the next; about 400 MiB. */
const FOLDER = new URL(`../dist/bench/signalk-${VERSION}/`, import.meta.url).pathname;
const PROGRAM = `${FOLDER}node_modules/.bin/node`;
const SERVER = `${FOLDER}node_modules/signalk-server/bin/signalk-server`;

/** Only the WebSocket stream: what the comparison does not use must not cost. */
const INTERFACES = {
  plugins: false,
  admin: false,
  appstore: false,
  "nmea-tcp": false,
  tcp: false,
  webapps: false,
  logfiles: false,
  applicationData: false,
};

async function fetched(): Promise<void> {
  try {
    await Deno.stat(SERVER);
  } catch {
    await Deno.mkdir(FOLDER, { recursive: true });
    await Deno.writeTextFile(`${FOLDER}package.json`, "{}");
    // Its own check of Node's version would choose an old release where an old Node is first on the path.
    const quiet = ["--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts", "--engine-strict=false"];
    await output("npm", ["install", ...quiet, NODE, `signalk-server@${VERSION}`], FOLDER);
  }
}

/** The server, without login. */
export const signalk: Server = {
  name: "Signal K",
  ours: false,
  describe: () => Promise.resolve(`signalk-server ${VERSION} on ${NODE}, WebSocket, JSON, no login`),
  async start() {
    await fetched();
    const folder = await Deno.makeTempDir({ prefix: "signalk-" });
    const port = freePort();
    const settings = { port, ssl: false, mdns: false, interfaces: INTERFACES, pipedProviders: [] };
    await Deno.writeTextFile(`${folder}/settings.json`, JSON.stringify(settings));
    const child = Child.start(PROGRAM, [SERVER, "-c", folder], { env: { SIGNALK_NODE_CONFIG_DIR: folder } });
    await child.until(() => listens(port));
    return {
      address: { protocol: "signalk", host: "127.0.0.1", port, pid: child.pid },
      async stop() {
        await child.stop();
        await Deno.remove(folder, { recursive: true });
      },
    };
  },
};

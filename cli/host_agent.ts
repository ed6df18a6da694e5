/**
 * `serve --agent`: this machine's metrics, streamed into the gateway that runs in the same process. It comes in
 * over the network like any other device, so that what works for it works for all.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { connectDevice } from "../client/device.ts";
import { type Agent, startAgent } from "./agent/agent.ts";
import { credentialsFile, ensureDevice } from "./agent/credentials.ts";
import { deviceName } from "./agent/device_name.ts";
import { hostSource } from "./agent/host.ts";
import { overHttp } from "./connect.ts";
import type { Context } from "./context.ts";
import { deviceConnection } from "./device_connection.ts";
import { messageOf } from "./errors.ts";
import { OpenSockets } from "./open_sockets.ts";
import type { StartedGateway } from "./parts.ts";

/** Ten readings a second: what a person sees as live. */
const FAST_EVERY_MS = 100;

const log = getLogger(["tidegate", "agent"]);

/** Starts the agent, or says in the log why there is none: the gateway serves others all the same. */
export async function startHostAgent(
  { runtime, io }: Context,
  gateway: Pick<StartedGateway, "url" | "certificate" | "operatorToken">,
  dataDir: string,
): Promise<Pick<Agent, "stop"> | undefined> {
  const { url, certificate, operatorToken } = gateway;
  try {
    const name = deviceName(io.env.TIDEGATE_DEVICE);
    const api = overHttp(url, operatorToken, certificate);
    const { token } = await ensureDevice(api, name, credentialsFile(dataDir, name));
    const sockets = new OpenSockets();
    const connection = await deviceConnection(runtime, { url, certificate }, "agent", sockets);
    const device = connectDevice({ ...connection, token });
    const unwatch = device.onStatus((status) => {
      if (status.state === "waiting") log.warning("not connected: {reason}", { reason: status.reason });
      if (status.state === "closed") log.warning("ended for good: {reason}", { reason: status.reason });
    });
    const agent = startAgent({
      device,
      source: await hostSource(dataDir),
      fastEveryMs: FAST_EVERY_MS,
      onError: (error) => log.warning("reading failed: {error}", { error: messageOf(error) }),
    });
    return {
      async stop() {
        unwatch();
        await agent.stop();
        await sockets.closed();
      },
    };
  } catch (error) {
    log.error("this machine's metrics are off: {error}", { error: messageOf(error) });
    return undefined;
  }
}

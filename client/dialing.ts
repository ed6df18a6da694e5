/**
 * Chooses how to reach the gateway: by WebSocket, over data channels alone, or as the program says.
 *
 * @module
 */
import { dataChannelDial } from "./data_channel.ts";
import { endpointUrl, offerUrl, PATHS, subprotocols } from "./endpoint.ts";
import type { Environment } from "./environment.ts";
import type { Dial, Signalling } from "./transport.ts";
import { webSocketDial } from "./websocket.ts";

/** What decides; as in the options of devices and dashboards. */
export interface DialChoice {
  url?: string | URL;
  token?: string;
  signalling?: Signalling;
  dial?: Dial;
}

/**
 * Makes the function that starts connections. It is given the token of an enrolment where there was one, which
 * goes before the program's own; an enrolment needs the WebSocket.
 *
 * @throws {TypeError} when the url or the token cannot be used, or the runtime has no WebRTC and needs it.
 */
export function dialFor(
  role: keyof typeof PATHS,
  { url, token, signalling, dial }: DialChoice,
  env: Environment,
): (enrolledToken: string | undefined) => Dial {
  if (dial) return () => dial;
  if (signalling === "http") {
    const dialWith = (token: string | undefined) => dataChannelDial(env, offerUrl(url, role), token);
    const dial = dialWith(token);
    return (enrolled) => enrolled === undefined ? dial : dialWith(enrolled);
  }
  const endpoint = endpointUrl(url, PATHS[role]);
  const offered = subprotocols(token);
  return (enrolled) =>
    webSocketDial(env.WebSocket, endpoint, enrolled === undefined ? offered : subprotocols(enrolled));
}

/**
 * The list of STUN and TURN servers, with credentials that expire where a secret is shared with the TURN server.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import type { Welcome } from "../protocol/control.ts";
import type { RtcSettings } from "./settings.ts";

type IceServers = NonNullable<Welcome["iceServers"]>;

/**
 * The servers for one peer. The time-limited credentials are those of coturn's `use-auth-secret`: the user is
 * `<expiry in seconds>:<peer>`, the password its HMAC-SHA1 under the shared secret, in Base64.
 */
export function iceServersFor(
  settings: Pick<RtcSettings, "iceServers" | "turnSecret" | "turnTtlS">,
  peer: string,
  nowS: number = Math.floor(Date.now() / 1_000),
): IceServers {
  return settings.iceServers.map(({ url, username, credential }) => {
    if (!/^turns?:/i.test(url)) return { urls: [url] };
    if (username !== undefined && credential !== undefined) return { urls: [url], username, credential };
    if (settings.turnSecret === undefined) return { urls: [url] };
    const user = `${nowS + settings.turnTtlS}:${peer.slice(0, 64)}`;
    const password = createHmac("sha1", settings.turnSecret).update(user).digest("base64");
    return { urls: [url], username: user, credential: password };
  });
}

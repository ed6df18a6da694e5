/**
 * From the section `rtc` of the configuration to the settings of the transport.
 *
 * @module
 */
import { RTC_DEFAULTS, type RtcSettings } from "../rtc/settings.ts";
import type { Config } from "./config.ts";
import { parseIceServer } from "./rtc_setting.ts";

/** The settings of the WebRTC transport; null where it is switched off. */
export function rtcSettings(rtc: Config["rtc"]): RtcSettings | null {
  const { enabled, iceServers, advertise, addresses, turnSecret, portRange } = rtc;
  if (!enabled) return null;
  return {
    ...RTC_DEFAULTS,
    advertise,
    addresses,
    iceServers: iceServers.map(parseIceServer).filter((server) => server !== undefined),
    ...(turnSecret === undefined ? {} : { turnSecret }),
    ...(portRange === undefined ? {} : { portRange }),
  };
}

/**
 * The parser of each direction, for tests that go through all of them.
 *
 * @module
 */
import {
  type Direction,
  parseDashboardMessage,
  parseDeviceMessage,
  parseToDashboard,
  parseToDevice,
} from "../../protocol/control.ts";

/** Parsers by direction. */
export const PARSERS: Readonly<Record<Direction, (text: string) => { type: string } | undefined>> = {
  "device-to-gateway": parseDeviceMessage,
  "gateway-to-device": parseToDevice,
  "dashboard-to-gateway": parseDashboardMessage,
  "gateway-to-dashboard": parseToDashboard,
};

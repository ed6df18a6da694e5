/**
 * The WebRTC library, loaded when it is needed or when there is time: evaluating it takes as long as all else that
 * a gateway loads to listen.
 *
 * @module
 */
import type * as Werift from "werift";

let library: typeof Werift | undefined;
let loading: Promise<void> | undefined;

/** Loads the library, once. */
export function loadWebRtc(): Promise<void> {
  return loading ??= import("werift").then((loaded) => void (library = loaded));
}

/** Whether {@link webRtc} may be called. */
export function isWebRtcLoaded(): boolean {
  return library !== undefined;
}

/** The library. @throws before {@link loadWebRtc} is done. */
export function webRtc(): typeof Werift {
  if (!library) throw new Error("the WebRTC library is not loaded yet");
  return library;
}

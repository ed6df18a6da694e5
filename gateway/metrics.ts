/**
 * What every part counts, in the words of /metrics.
 *
 * @module
 */
import type { StoreStatus } from "../db/store.ts";
import type { MetricValue } from "../routes/services.ts";
import type { Core } from "./core.ts";
import type { Mqtt } from "./mqtt.ts";
import type { Sessions } from "./sessions.ts";

const FAULTS = "Faults of the gateway's own, by part.";

/** Counters that parts keep by reason, with what they count. */
const REASONED: Record<string, string> = {
  device_drops: "Samples and messages of devices that were dropped or corrected, by reason.",
  dashboard_drops: "State samples left out for dashboards that were behind, by reason.",
  protocol_errors: "Connections ended for breaking the protocol, by close code.",
  recording_dropped: "State samples that were delivered but not recorded, by reason.",
  mqtt_broker: "MQTT clients and messages that the embedded broker refused or left out, by reason.",
  mqtt_bridge_lost: "Events that a bridge's broker will never get, by reason.",
  mqtt_bridge_dropped: "Messages of a bridge's broker that were not taken, by reason.",
  mqtt_bridge_refused: "Messages that a bridge's broker refused, by reason code.",
  webrtc_control: "WebRTC sessions without a WebSocket, by what became of them.",
  webrtc_lanes: "WebRTC state lanes, by what became of them.",
  webrtc_refused: "WebRTC offers and candidates that were not taken, by reason.",
  webrtc_packets_refused:
    "UDP packets that were kept from WebRTC peers: of no such form, not signed, from a stranger.",
  faults: FAULTS,
};

/** All values of this moment. `status` is the database's last known state. */
export function* metrics(
  core: Core,
  { sessions, mqtt, status }: {
    sessions: Sessions | undefined;
    mqtt: Mqtt | undefined;
    status: StoreStatus | undefined;
  },
): Generator<MetricValue> {
  const { hub, directory, counters } = core;
  yield gauge("tidegate_topics", "Topics known.", hub.size);
  yield gauge("tidegate_devices_connected", "Devices connected now.", directory.size);
  if (sessions) {
    yield gauge("tidegate_dashboards_connected", "Dashboards connected now.", sessions.dashboards.size);
    if (sessions.rtc) {
      yield gauge("tidegate_webrtc_sessions", "WebRTC sessions without a WebSocket now.", sessions.rtc.size);
    }
    yield gauge("tidegate_feeds", "Feeds that dashboards share.", [...sessions.feeds.all()].length);
  }
  if (mqtt) yield* mqtt.metrics();
  for (const { name, reason, value } of counters) {
    const help = REASONED[name] ?? "Events by reason.";
    yield { name: `tidegate_${name}_total`, help, type: "counter", labels: { reason }, value };
  }
  if (status) yield* recording(status);
}

function* recording(status: StoreStatus): Generator<MetricValue> {
  yield gauge("tidegate_recording_bytes", "Size of the database file.", status.bytes);
  yield gauge("tidegate_recording_samples", "Samples on record.", status.samples);
  yield gauge("tidegate_recording_chunks", "Chunks on record.", status.chunks);
  yield gauge("tidegate_recording_queued_bytes", "Bytes that wait for the disk.", status.queuedBytes);
  yield {
    name: "tidegate_faults_total",
    help: FAULTS,
    type: "counter",
    labels: { reason: "tidying" },
    value: status.tidyingRefused,
  };
  for (const [reason, value] of Object.entries(status.drops)) {
    const help = "Samples not recorded, by reason.";
    yield { name: "tidegate_recorder_drops_total", help, type: "counter", labels: { reason }, value };
  }
}

function gauge(name: string, help: string, value: number): MetricValue {
  return { name, help, type: "gauge", value };
}

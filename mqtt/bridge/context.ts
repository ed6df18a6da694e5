/**
 * What a bridge needs of the rest of the gateway. The composition root fills it in.
 *
 * @module
 */
import type { Clock } from "../../hub/clock.ts";
import type { Counters } from "../../hub/counters.ts";
import type { Hub } from "../../hub/hub.ts";
import type { Recorder, RecordingReader } from "../../hub/recording.ts";
import type { TopicWriter } from "../../hub/writing.ts";
import type { Downlinks } from "../broker/context.ts";
import type { TopicTree } from "../topics.ts";
import type { CursorStore } from "./cursors.ts";

/** Parts of every bridge. */
export interface BridgeContext {
  hub: Hub;
  clock: Clock;
  counters: Counters;
  recorder: Recorder;
  reader: RecordingReader;
  writer: TopicWriter;
  tree: TopicTree;
  /** Id of this gateway, which marks what it sent. */
  gateway: string;
  cursors: CursorStore;
  /** Cursors of earlier runs. */
  keptCursors: readonly { reader: string; topic: number; epoch: string; offset: number }[];
  /** Patterns of topics whose values are events where their source does not say. */
  eventTopics: readonly string[];
  /** The way of commands to devices, and whether these are there. */
  downlinks: Pick<Downlinks, "attach" | "detach" | "answered">;
  presence: {
    publish(device: string, status: { online: boolean; transport?: string; reason?: string }): void;
  };
  /** Whether an operator has removed a device. */
  isRemoved(device: string): boolean;
  log(level: "info" | "warn" | "error", message: string): void;
  fault(where: string, error: unknown): void;
}

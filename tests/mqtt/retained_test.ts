/** What a subscriber of the embedded broker gets first. */
import { assertEquals } from "@std/assert";
import { Counters } from "../../hub/counters.ts";
import { Hub } from "../../hub/hub.ts";
import { retainedMessages } from "../../mqtt/broker/retained.ts";
import { TopicTree } from "../../mqtt/topics.ts";
import { MemoryRecording } from "../support/memory_recording.ts";

Deno.test("a retained message that waits for its turn is of the value that is newest by then", () => {
  const hub = new Hub({ epoch: "gw.1", recorder: new MemoryRecording(), counters: new Counters() });
  const publish = (name: string, text: string) => {
    const topic = hub.define({ name, deliveryClass: "state", encoding: "utf8", writable: false });
    hub.publish(topic, 1, 1, new TextEncoder().encode(text));
  };
  publish("pump/a", "1");
  publish("pump/b", "1");
  const messages = [...retainedMessages(hub, new TopicTree("gw"), ["tidegate/gw/#"])];
  publish("pump/b", "22");
  assertEquals(messages.map(({ topic, payload }) => [topic, String(payload)]), [
    ["tidegate/gw/pump/a", "1"],
    ["tidegate/gw/pump/b", "22"],
  ]);
});

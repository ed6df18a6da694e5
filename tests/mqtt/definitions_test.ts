/** What devices that come by MQTT may define. */
import { assertEquals } from "@std/assert";
import { Counters } from "../../hub/counters.ts";
import { Hub } from "../../hub/hub.ts";
import type { BridgeContext } from "../../mqtt/bridge/context.ts";
import { bridgeSchema, type InRule } from "../../mqtt/bridge/config.ts";
import { Incoming } from "../../mqtt/bridge/incoming.ts";
import type { BrokerContext } from "../../mqtt/broker/context.ts";
import { MqttDeviceSession, type SessionClient } from "../../mqtt/broker/device_session.ts";
import { TopicTree } from "../../mqtt/topics.ts";
import { MAX_CHANGED_BYTES, MAX_TOPICS_PER_DEVICE } from "../../protocol/limits.ts";
import { MemoryRecording } from "../support/memory_recording.ts";
import { MemorySessionLog } from "../support/world.ts";
import type { Buffer } from "node:buffer";

const encoder = new TextEncoder();

function hubAndCounters() {
  const counters = new Counters();
  const hub = new Hub({ epoch: "gw.1", recorder: new MemoryRecording(), counters, nowMs: () => 0 });
  return { hub, counters };
}

/** Uses up what a device may change. */
function exhaust(hub: Hub, device: string): void {
  const description = {
    name: `${device}/x`,
    deliveryClass: "state",
    encoding: "json",
    writable: false,
  } as const;
  hub.define(description);
  const schema = "x".repeat(MAX_CHANGED_BYTES - 1_000);
  if (!hub.mayDefine({ ...description, schema })) {
    throw new Error("the budget is smaller than it is said to be");
  }
  while (hub.mayDefine({ ...description, schema: "short" }));
}

function deviceSession(hub: Hub, counters: Counters): MqttDeviceSession {
  const context = {
    hub,
    counters,
    clock: { nowUs: () => 1 },
    sessionLog: new MemorySessionLog(),
    authorizer: { onRevoked: () => () => {} },
    presence: { arrived: () => {}, departed: () => {} },
    downlinks: { attach: () => {}, detach: () => {} },
    open: new Set(),
    tree: new TopicTree("gw"),
    eventTopics: [],
    hostedNodes: new Map(),
    log: () => {},
  };
  const client = {
    id: "c",
    remote: "test",
    principal: {
      role: "device",
      tokenId: "t",
      label: "",
      device: "pump",
      read: ["pump/#"],
      write: ["pump/#"],
    },
    traffic: () => ({ framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 }),
  };
  return new MqttDeviceSession(
    context as unknown as BrokerContext,
    client as unknown as SessionClient,
    "pump",
  );
}

function publish(session: MqttDeviceSession, topic: string, text: string): string | undefined {
  let became: string | undefined;
  session.publish(topic, encoder.encode(text), 0, (taken) => became = taken);
  return became;
}

Deno.test("an MQTT device's change of a topic is held to its budget, and dropped and counted beyond it", () => {
  const { hub, counters } = hubAndCounters();
  const session = deviceSession(hub, counters);
  assertEquals(publish(session, "pump/a", "1"), "ok");
  exhaust(hub, "pump");
  assertEquals(publish(session, "pump/a", "not a number"), "dropped");
  assertEquals(hub.topic("pump/a")?.description.encoding, "json");
  assertEquals(counters.get("device_drops", "too_many_changes"), 1);
  assertEquals(publish(session, "pump/a", "2"), "ok", "what it leaves as it was goes on");
  assertEquals(publish(session, "pump/b", "3"), "ok", "a new topic is no change");
  assertEquals(session.subscribed("pump/a/set"), true);
  session.finish("normal");
});

Deno.test("an MQTT device makes no more topics than any other one", () => {
  const { hub, counters } = hubAndCounters();
  const session = deviceSession(hub, counters);
  for (let i = 0; i < MAX_TOPICS_PER_DEVICE; i++) assertEquals(publish(session, `pump/${i}`, "1"), "ok");
  assertEquals(publish(session, "pump/more", "1"), "dropped");
  assertEquals(session.subscribed("pump/more/set"), false);
  assertEquals(counters.get("device_drops", "too_many_topics"), 2);
  assertEquals(hub.size, MAX_TOPICS_PER_DEVICE);
  session.finish("normal");
});

Deno.test("topics that a bridge's rule brings in are held to the budget of the device that they name", () => {
  const { hub, counters } = hubAndCounters();
  const dropped: string[] = [];
  const context = { hub, counters, clock: { nowUs: () => 1 }, tree: new TopicTree("gw"), gateway: "gw" };
  const { rules } = bridgeSchema.parse({
    url: "mqtt://broker",
    rules: [{ direction: "in", filter: "plant/#", topic: "zigbee/{topic}" }],
  });
  const incoming = new Incoming(
    context as unknown as BridgeContext,
    "b",
    rules as InRule[],
    () => {},
    (reason) => dropped.push(reason),
  );
  let done = 0;
  const message = (topic: string, text: string) =>
    incoming.message(
      { cmd: "publish", topic, payload: encoder.encode(text) as Buffer, qos: 0, dup: false, retain: false },
      () => done++,
    );
  message("plant/a", "1");
  exhaust(hub, "zigbee");
  message("plant/a", "not a number");
  for (let i = hub.size; i < MAX_TOPICS_PER_DEVICE; i++) message(`plant/${i}`, "1");
  message("plant/more", "1");
  assertEquals(dropped, ["too_many_changes", "too_many_topics"]);
  assertEquals(done, MAX_TOPICS_PER_DEVICE + 1, "what is not taken is acknowledged: it would come again");
});

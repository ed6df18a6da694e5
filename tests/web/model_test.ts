import { assertEquals } from "@std/assert";
import type { ChannelAnnouncement } from "../../protocol/control.ts";
import { type DeviceModel, Model } from "../../web/model.ts";
import { MAX_EVENTS, type TopicModel } from "../../web/topic_model.ts";

const encoder = new TextEncoder();
const NOW_MS = 1_700_000_000_000;

function announcement(topic: string, more: Partial<ChannelAnnouncement> = {}): ChannelAnnouncement {
  return { channel: 1, topic, class: "state", encoding: "json", writable: false, epoch: "g.1", ...more };
}

/** A model that writes down what it told its listener. */
function watched(): { model: Model; told: string[]; topic(device: string, path: string): TopicModel } {
  const told: string[] = [];
  const note = (what: string) => (_device: DeviceModel, topic: TopicModel) => {
    told.push(`${what} ${topic.description.topic} ${topic.kind}`);
  };
  const model = new Model({
    deviceFound: (device) => told.push(`device ${device.name}`),
    topicFound: note("topic"),
    topicChanged: note("changed"),
  });
  return { model, told, topic: (device, path) => model.devices.get(device)!.topics.get(path)! };
}

function send(model: Model, topic: string, payload: unknown, timeMs = NOW_MS, past = false): void {
  const bytes = payload instanceof Uint8Array ? payload : encoder.encode(JSON.stringify(payload));
  model.sample({ topic, offset: 1, timeUs: timeMs * 1000, past, bytes }, NOW_MS, NOW_MS);
}

Deno.test("Model finds devices and topics by what is announced, each once", () => {
  const { model, told } = watched();
  model.announced(announcement("a/x/y"));
  model.announced(announcement("a/z", { class: "event" }));
  model.announced(announcement("a/x/y"));
  assertEquals(told, ["device a", "topic a/x/y text", "topic a/z events"]);
});

Deno.test("Model makes a chart of a topic when its first numbers come", () => {
  const { model, told, topic } = watched();
  model.announced(announcement("a/x"));
  send(model, "a/x", { speed: 3, name: "left" });
  assertEquals(told.at(-1), "changed a/x chart");
  assertEquals(topic("a", "x").series.names, ["speed"]);
});

Deno.test("Model asks for another card when a topic becomes writable", () => {
  const { model, told } = watched();
  model.announced(announcement("a/x"));
  model.announced(announcement("a/x", { writable: true }));
  assertEquals(told.at(-1), "changed a/x text");
});

Deno.test("Model takes a device's presence from its status topic, which has no card", () => {
  const { model, told } = watched();
  model.announced(announcement("a/$status"));
  send(model, "a/$status", { online: true, transport: "websocket", session: "s" });
  assertEquals(told, ["device a"]);
  assertEquals(model.topicCount, 0);
  assertEquals(model.devices.get("a")!.presence, { online: true, transport: "websocket", session: "s" });
});

Deno.test("Model measures delay and rate of live samples and not of the past", () => {
  const { model } = watched();
  model.announced(announcement("a/x"));
  send(model, "a/x", 1, NOW_MS - 60_000, true);
  send(model, "a/x", 2, NOW_MS - 30, false);
  assertEquals(model.delay.quantiles(0.5), [30]);
  assertEquals(model.rate.perSecond(NOW_MS + 1000), 1);
});

Deno.test("Model starts a topic's numbers afresh when its encoding changes", () => {
  const { model, topic } = watched();
  model.announced(announcement("a/x"));
  send(model, "a/x", { old: 1 });
  model.announced(announcement("a/x", { encoding: "f64" }));
  send(model, "a/x", new Uint8Array(new Float64Array([7]).buffer), NOW_MS + 1);
  assertEquals(topic("a", "x").series.names, ["value"]);
  assertEquals(topic("a", "x").series.length, 1);
});

Deno.test("Model shows the bytes and the problem when a payload is not what its encoding says", () => {
  const { model, topic } = watched();
  model.announced(announcement("a/x"));
  send(model, "a/x", new Uint8Array([0x7b, 0xff]));
  assertEquals(topic("a", "x").value, new Uint8Array([0x7b, 0xff]));
  assertEquals(typeof topic("a", "x").problem, "string");
});

Deno.test("Model keeps a bounded number of events, each once", () => {
  const { model, topic } = watched();
  model.announced(announcement("a/x", { class: "event" }));
  for (let i = 0; i < MAX_EVENTS + 5; i++) send(model, "a/x", { i }, NOW_MS + i);
  send(model, "a/x", { i: "again" }, NOW_MS + MAX_EVENTS);
  assertEquals(topic("a", "x").events.length, MAX_EVENTS);
  assertEquals(topic("a", "x").events.at(-1)!.text, `i: ${MAX_EVENTS + 4}`);
});

Deno.test("Model keeps the newest value when an older state sample comes late", () => {
  const { model, topic } = watched();
  model.announced(announcement("a/x", { encoding: "utf8" }));
  send(model, "a/x", encoder.encode("new"), NOW_MS);
  send(model, "a/x", encoder.encode("old"), NOW_MS - 500);
  assertEquals(topic("a", "x").value, "new");
});

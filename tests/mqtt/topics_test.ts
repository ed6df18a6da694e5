/** Topics and templates between the gateway and MQTT. */
import { assertEquals, assertMatch } from "@std/assert";
import { coveringFilter, overlap, render, templateProblem } from "../../mqtt/template.ts";
import { deviceTopic, TopicTree } from "../../mqtt/topics.ts";

const tree = new TopicTree("gw");

Deno.test("a filter covers the gateway's topics when its first two levels do", () => {
  assertEquals(tree.patternOf("#"), "#");
  assertEquals(tree.patternOf("tidegate/#"), "#");
  assertEquals(tree.patternOf("tidegate/gw/pump/+"), "pump/+");
  assertEquals(tree.patternOf("+/+/pump/#"), "pump/#");
  assertEquals(tree.patternOf("tidegate/other/#"), undefined);
  assertEquals(tree.patternOf("tidegate/gw"), undefined);
});

Deno.test("an inbound topic is a topic, a write or foreign", () => {
  assertEquals(tree.inward("tidegate/gw/pump/a/b"), { kind: "topic", name: "pump/a/b" });
  assertEquals(tree.inward("tidegate/gw/pump/a/set"), { kind: "write", name: "pump/a", level: "set" });
  assertEquals(tree.inward("tidegate/gw/pump/set"), { kind: "topic", name: "pump/set" });
  assertEquals(tree.inward("elsewhere/a").kind, "foreign");
  assertEquals(tree.inward("tidegate/gw/").kind, "foreign");
});

Deno.test("what a device publishes is its own, whatever the topic; another device's is not", () => {
  assertEquals(deviceTopic(tree, "pump", "pump/t"), { name: "pump/t" });
  assertEquals(deviceTopic(tree, "pump", "tidegate/gw/pump/t"), { name: "pump/t" });
  assertEquals(deviceTopic(tree, "pump", "tele/x/STATE"), { name: "pump/tele/x/STATE" });
  assertEquals(deviceTopic(tree, "pump", "/t"), { name: "pump/t" });
  assertEquals("problem" in deviceTopic(tree, "pump", "tidegate/gw/valve/t"), true);
  assertEquals("problem" in deviceTopic(tree, "pump", "pump/$status"), true);
  assertEquals("problem" in deviceTopic(tree, "pump", "a//b"), true);
});

Deno.test("templates fill in, and wrong ones are refused with the reason", () => {
  assertEquals(render("x/{gateway}/{device}/y/{channel}", "gw", "pump/a/b"), "x/gw/pump/y/a/b");
  assertEquals(render("{topic}", "gw", "pump/a"), "pump/a");
  assertEquals(templateProblem("plant/{topic}"), undefined);
  assertMatch(templateProblem("plant/{tpoic}") ?? "", /not known/);
  assertMatch(templateProblem("plant/{device}") ?? "", /same one/);
  assertMatch(templateProblem("plant/#/{topic}") ?? "", /wildcard/);
  assertMatch(templateProblem("plant//{topic}") ?? "", /empty level/);
  assertMatch(templateProblem("plant/{topic") ?? "", /brace/);
});

Deno.test("filters overlap when some topic falls under both", () => {
  assertEquals(coveringFilter("plant/{device}/x/{channel}", "gw"), "plant/+/x/#");
  assertEquals(overlap("a/+/c", "a/b/#"), true);
  assertEquals(overlap("a/b", "a/b/c"), false);
  assertEquals(overlap("a/#", "b/#"), false);
});

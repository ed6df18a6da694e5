/** Sequences, the primary host's state, barriers, names and settings of an edge node. */
import { assertEquals, assertMatch } from "@std/assert";
import { hostedNodes } from "../../../cli/bridge_setting.ts";
import { bridgeSchema } from "../../../mqtt/bridge/config.ts";
import { Barrier } from "../../../mqtt/sparkplug/barrier.ts";
import { HostState } from "../../../mqtt/sparkplug/host_state.ts";
import { NodeNames } from "../../../mqtt/sparkplug/names.ts";
import { BirthDeathSequence, Sequence } from "../../../mqtt/sparkplug/sequence.ts";

Deno.test("seq counts to 255 and begins again, and with every birth", () => {
  const seq = new Sequence();
  const counted = Array.from({ length: 258 }, () => seq.next());
  assertEquals([counted[0], counted[255], counted[256], counted[257]], [0, 255, 0, 1]);
  seq.restart();
  assertEquals(seq.next(), 0);
});

Deno.test("bdSeq goes on behind the last run's, for its own node only", () => {
  const rows: { reader: string; topic: number; epoch: string; offset: number }[] = [];
  const store = { putCursor: (row: typeof rows[number]) => void rows.push(row) };
  assertEquals(new BirthDeathSequence("b plant/gw", store, []).next(), 0);
  const again = new BirthDeathSequence("b plant/gw", store, rows);
  // An attempt that came to no CONNECT takes no number.
  assertEquals([again.next(), again.next(), again.current], [1, 1, 1]);
  again.sent();
  assertEquals([again.next(), rows.length], [2, 3]);
  assertEquals(new BirthDeathSequence("b plant/other", store, rows).next(), 0);
  const last = rows.map((row) => ({ ...row, offset: 255 }));
  assertEquals(new BirthDeathSequence("b plant/gw", store, last).next(), 0);
});

Deno.test("a host's outdated word changes nothing", () => {
  const host = new HostState();
  const take = (online: boolean, timestamp: number) => host.take(JSON.stringify({ online, timestamp })).kind;
  assertEquals([take(false, 5), take(true, 4), take(true, 5), take(false, 4)], [
    "offline",
    "ignored",
    "online",
    "ignored",
  ]);
  assertEquals([take(true, 3), take(false, 6), take(false, 6)], ["ignored", "offline", "offline"]);
  for (const text of ["ONLINE", "null", "{}", '{"online":1,"timestamp":9}']) {
    assertEquals(host.take(text).kind, "ignored");
  }
});

Deno.test("an answer counts for what was written before its question, and for nothing else", () => {
  const arrived: string[] = [];
  let questions = 0;
  const barrier = new Barrier(() => {
    questions++;
    barrier.asked();
  });
  barrier.written(() => arrived.push("a"));
  barrier.written(() => arrived.push("b"));
  barrier.asked(); // the library's own
  barrier.written(() => arrived.push("c"));
  assertEquals([questions, barrier.open, arrived.length], [1, 3, 0]);
  barrier.answered();
  assertEquals(arrived, ["a"]);
  barrier.answered();
  assertEquals([arrived, questions], [["a", "b"], 2]);
  barrier.answered();
  assertEquals([arrived, barrier.open], [["a", "b", "c"], 0]);
  barrier.answered();
});

Deno.test("only the node's own commands and its host's state are taken", () => {
  const names = new NodeNames({ group: "plant", node: "gw", primaryHost: "scada" });
  assertEquals(names.inbound("spBv1.0/plant/NCMD/gw"), { kind: "node_command" });
  assertEquals(names.inbound("spBv1.0/plant/DCMD/gw/press"), { kind: "device_command", device: "press" });
  assertEquals(names.inbound("spBv1.0/STATE/scada"), { kind: "host_state" });
  for (const topic of ["spBv1.0/STATE/other", "spBv1.0/plant/NCMD/gw2", "spBv1.0/plant/DCMD/gw"]) {
    assertEquals(names.inbound(topic), { kind: "foreign" });
  }
});

Deno.test("settings: ids are checked, and Sparkplug alone sends nothing else", () => {
  const parse = (part: object) => bridgeSchema.safeParse({ url: "mqtt://broker", ...part });
  const problem = (part: object) => {
    const result = parse(part);
    return result.success ? "" : result.error.issues.map(({ message }) => message).join("; ");
  };
  const sparkplug = { group: "plant", node: "gw" };
  assertEquals(parse({ sparkplug }).data?.rules, []);
  assertEquals(parse({ sparkplug }).data?.sparkplug, { ...sparkplug, filters: ["#"], maxHz: 10 });
  assertEquals(parse({ sparkplug, rules: [{}] }).data?.rules.length, 1);
  assertEquals(parse({}).data?.rules.length, 1);
  assertMatch(problem({ sparkplug: { group: "a/b", node: "gw" } }), /reserved/);
  assertMatch(problem({ sparkplug: { group: "a", node: "" } }), /empty/);
  assertMatch(problem({ rules: [] }), /needs a rule, or sparkplug/);
  assertMatch(problem({ sparkplug, homeAssistant: true }), /give rules too/);
  const hosted = { device: "line", group: "plant", node: "l7" };
  assertEquals(parse({ rules: [], sparkplugNodes: [hosted] }).success, true);
  assertMatch(problem({ sparkplugNodes: [hosted, { ...hosted, device: "saw" }] }), /there twice/);
  assertMatch(problem({ sparkplug, sparkplugNodes: [{ ...hosted, node: "gw" }] }), /own Sparkplug node/);
});

Deno.test("settings: a device is one hosted node, and the other way round", () => {
  const parse = (given: unknown) => hostedNodes().safeParse(given);
  const node = { device: "line", group: "plant", node: "n", writable: [] };
  assertEquals(parse("line=plant/n, saw=plant/m").data, [node, { ...node, device: "saw", node: "m" }]);
  assertEquals(parse(JSON.stringify([{ ...node, writable: ["#"] }])).data, [{ ...node, writable: ["#"] }]);
  const problem = (given: unknown) =>
    parse(given).error?.issues.map(({ message }) => message).join("; ") ?? "";
  assertMatch(problem("line=plant"), /node 1: node/);
  assertMatch(problem("li ne=plant/n"), /node 1: device: .*may hold only/);
  assertMatch(problem([node, { ...node, device: "saw" }]), /plant\/n is there twice/);
  assertMatch(problem("line=plant/n,line=plant/m"), /line is there twice/);
  assertMatch(problem(7), /expected a list/);
});

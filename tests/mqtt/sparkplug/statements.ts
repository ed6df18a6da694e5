/**
 * Testable statements of the Sparkplug specification 3.0 that concern an edge node, by their ids (each begins with
 * `tck-id-`), as checks of a story that was caught on a broker. What is not here does not apply: see
 * docs/OPERATIONS.md.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Caught, type CaughtMetric, metric, verbOf } from "./host.ts";
import { GUEST, NODE, PRESS, type Story } from "./story.ts";

type Check = (story: Story) => void;

const REBIRTH = "Node Control/Rebirth";
const prefix = (verb: string) => `spBv1.0/${NODE.group}/${verb}/${NODE.node}`;
const of = (story: Story, ...verbs: string[]) => story.edge.filter((one) => verbs.includes(verbOf(one)));

/** Holds for every message of these verbs, of which there is one at least. */
function every(verbs: string[], check: (message: Caught) => boolean | void): Check {
  return (story) => {
    const messages = of(story, ...verbs);
    assert(messages.length > 0, `no ${verbs}`);
    for (const message of messages) {
      assert(check(message) !== false, JSON.stringify(message).slice(0, 400));
    }
  };
}

const everyMetric = (verbs: string[], check: (metric: CaughtMetric) => boolean): Check =>
  every(verbs, ({ metrics }) => metrics.every(check));

const BIRTHS = ["NBIRTH", "DBIRTH"];
const DATA = ["NDATA", "DDATA"];
const COUNTED = [...BIRTHS, ...DATA, "DDEATH"];
const qos0 = (verb: string) => every([verb], ({ qos }) => qos === 0);
const notRetained = (verb: string) => every([verb], ({ retain }) => !retain);
const plainly = (verb: string) => every([verb], ({ qos, retain }) => qos === 0 && !retain);
const inByte = (seq: number | undefined) =>
  seq !== undefined && Number.isInteger(seq) && seq >= 0 && seq <= 255;
const hasSeq = (verb: string) => every([verb], ({ seq }) => inByte(seq));

/** Every story is played behind this. */
const LOADED_MS = Date.now();

/** Milliseconds of the story's time, not seconds or microseconds, nor local time; the gateway's clock may be a little off. */
const isNow = (ms: number | undefined, caughtMs: number) =>
  ms !== undefined && ms > LOADED_MS - 60_000 && ms < caughtMs + 60_000;
const timed = (verb: string) => every([verb], ({ timestamp, caughtMs }) => isNow(timestamp, caughtMs));
const onTopic = (verb: string) => every([verb], ({ topic }) => topic === prefix(verb));
const onDeviceTopic = (verb: string) =>
  every([verb], ({ topic }) => [PRESS, GUEST].some((device) => topic === `${prefix(verb)}/${device}`));

/** Messages from one NBIRTH to the next, deaths of the node left out. */
function sessions(story: Story): Caught[][] {
  const found: Caught[][] = [];
  for (const message of of(story, ...COUNTED)) {
    if (verbOf(message) === "NBIRTH") found.push([]);
    assert(found.length > 0, `${verbOf(message)} before the first NBIRTH`);
    found.at(-1)!.push(message);
  }
  return found;
}

/** Each message of the verb has the number behind the one before it. */
const counts = (verb: string): Check => (story) => {
  let checked = 0;
  for (const session of sessions(story)) {
    session.forEach((message, i) => {
      if (i === 0 || verbOf(message) !== verb) return;
      assertEquals(message.seq, (session[i - 1]!.seq! + 1) % 256);
      checked++;
    });
  }
  assert(checked > 0, `no ${verb}`);
};

/** In every session: NBIRTH, then DBIRTHs of the devices that are there, then the rest. */
const birthsFirst = (verbs: string[]): Check => (story) => {
  const all = sessions(story);
  assert(all.flat().some((message) => verbs.includes(verbOf(message))), `no ${verbs}`);
  for (const session of all) {
    const data = session.findIndex((message) => verbs.includes(verbOf(message)));
    const born = session.findIndex((message) => verbOf(message) === "DBIRTH");
    assert(verbOf(session[0]!) === "NBIRTH");
    assert(data < 0 || (born === 1 && data > born), `${verbs} before the births`);
  }
};

const deaths = (story: Story) => of(story, "NDEATH").map((message) => metric(message, "bdSeq")?.value);
const births = (story: Story) => of(story, "NBIRTH").map((message) => metric(message, "bdSeq")?.value);

const bdSeqs: Check = (story) => {
  // First connection, rebirth, second after the host was away, third after the kill.
  assertEquals(births(story), [0, 0, 1, 2]);
  assertEquals([...new Set(deaths(story))], [0, 1, 2]);
};

const bornBeforeAll: Check = (story) => assertEquals(verbOf(story.edge[0]!), "NBIRTH");

/** The metrics of a birth are all that data ever name. */
const known = (birth: string, data: string): Check => (story) => {
  for (const session of sessions(story)) {
    const aliases = new Map<string, Set<number>>();
    for (const { topic, metrics, ...message } of session) {
      const verb = verbOf({ topic, metrics, ...message });
      const who = topic.split("/").slice(3).join("/");
      if (verb === birth) aliases.set(who, new Set(metrics.flatMap(({ alias }) => alias ?? [])));
      if (verb === data) {
        for (const { alias } of metrics) assert(aliases.get(who)?.has(alias!), `${who} ${alias}`);
      }
    }
  }
};

/** No value is told twice in a row, events aside. */
const byException = (birth: string, data: string): Check => (story) => {
  for (const session of sessions(story)) {
    const last = new Map<number, unknown>();
    for (const message of session) {
      const verb = verbOf(message);
      for (const { alias, name, value } of message.metrics) {
        if (alias === undefined || (verb !== birth && verb !== data)) continue;
        const event = eventAliases(story).has(alias);
        if (verb === data && !event) assert(last.get(alias) !== value, `${name ?? alias} ${value} again`);
        last.set(alias, value);
      }
    }
  }
};

const eventAliases = (story: Story) =>
  new Set(
    of(story, "DBIRTH").flatMap(({ metrics }) =>
      metrics.filter(({ name }) => name?.startsWith("alarm")).map(({ alias }) => alias!)
    ),
  );

const chronological = (...verbs: string[]) =>
  every(verbs, ({ metrics }) => {
    const times = metrics.filter((one) => !one.is_historical).map(({ timestamp }) => timestamp!);
    return times.every((time, i) => i === 0 || time >= times[i - 1]!);
  });

const valueOrNull = (verb: string) =>
  everyMetric([verb], ({ value, is_null }) => is_null ? value === undefined : value !== undefined);

const willLogged = (pattern: RegExp): Check => ({ brokerLog }) =>
  assert(pattern.test(brokerLog), `the broker did not log ${pattern}`);
const will = new RegExp(`Will message specified \\(\\d+ bytes\\) \\(r0, q1\\)\\.\\n.*${prefix("NDEATH")}`);
const subscribed = (topic: string) => willLogged(new RegExp(`${topic} \\(QoS 1\\)`));
const cleanly = willLogged(/as tidegate-\S*-sparkplug \(p5, c1, k\d+\)/);

const rebirthMetric = every(["NBIRTH"], (message) => {
  const rebirth = metric(message, REBIRTH);
  assertEquals([rebirth?.datatype, rebirth?.wire, rebirth?.value, rebirth?.alias], [
    11,
    "boolean",
    false,
    undefined,
  ]);
});

const bdSeqMetric = every(["NBIRTH", "NDEATH"], (message) => {
  const bdSeq = metric(message, "bdSeq");
  assertEquals([bdSeq?.datatype, bdSeq?.wire], [4, "long"]);
});

const willPayload = every(["NDEATH"], ({ metrics }) => {
  assertEquals(metrics.map(({ name }) => name), ["bdSeq"]);
});

/** Nothing of the node is heard before its host is online; another host, and old news, change nothing. */
const waits: Check = ({ hostOnlineAt }) => assertEquals(hostOnlineAt, 0);

const offline: Check = (story) => {
  const after = story.edge.slice(story.offlineAt);
  assertEquals(verbOf(after[0]!), "NDEATH");
  assertEquals(metric(after[0]!, "bdSeq")?.value, 0);
  assertEquals(metric(after.find((one) => verbOf(one) === "NBIRTH")!, "bdSeq")?.value, 1);
};

const rebirth: Check = (story) => {
  const after = story.edge.slice(story.rebirthAt);
  const at = after.findIndex((one) => verbOf(one) === "NBIRTH");
  assertEquals(at, 0);
  assertEquals(verbOf(after[1]!), "DBIRTH");
  assertEquals(metric(after[0]!, "bdSeq")?.value, 0);
};

const writes: Check = ({ written, refused }) => {
  assertEquals(written, [7.25, -2]);
  assertEquals(refused.length, 3, refused.join("\n"));
};

const guestDies: Check = (story) =>
  assertEquals(of(story, "DDEATH").map(({ topic }) => topic), [`${prefix("DDEATH")}/${GUEST}`]);

const killed: Check = (story) => {
  const death = story.edge.slice(story.killedAt).find((one) => verbOf(one) === "NDEATH");
  assertEquals(metric(death!, "bdSeq")?.value, 1);
};

const properties = every(["DBIRTH"], ({ metrics }) => {
  for (const { properties } of metrics) {
    assertEquals(properties?.keys.length, properties?.values.length);
    for (const { type } of properties?.values ?? []) assert(type === 11 || type === 12);
  }
});

/** The statements by id. */
export const STATEMENTS: Readonly<Record<string, Check>> = {
  "intro-group-id-string": every(COUNTED, ({ topic }) => topic.split("/")[1] === NODE.group),
  "intro-group-id-chars": every(COUNTED, ({ topic }) => !/[+#]/.test(topic)),
  "intro-edge-node-id-string": every(COUNTED, ({ topic }) => topic.split("/")[3] === NODE.node),
  "intro-edge-node-id-chars": every(COUNTED, ({ topic }) => !/[+#]/.test(topic)),
  "intro-device-id-string": onDeviceTopic("DBIRTH"),
  "intro-device-id-chars": onDeviceTopic("DBIRTH"),

  "principles-rbe-recommended": byException("DBIRTH", "DDATA"),
  "principles-birth-certificates-order": bornBeforeAll,
  "principles-persistence-clean-session-50": cleanly,

  "topic-structure": every(
    [...COUNTED, "NDEATH"],
    ({ topic }) => /^spBv1\.0\/plant\/[ND][A-Z]+\/gw(\/[^/+#]+)?$/.test(topic),
  ),
  "topic-structure-namespace-a": every(COUNTED, ({ topic }) => topic.startsWith("spBv1.0/")),
  "topic-structure-namespace-valid-group-id": every(
    COUNTED,
    ({ topic }) => topic.split("/")[1] === NODE.group,
  ),
  "topic-structure-namespace-valid-edge-node-id": every(
    COUNTED,
    ({ topic }) => topic.split("/")[3] === NODE.node,
  ),
  "topic-structure-namespace-valid-device-id": onDeviceTopic("DBIRTH"),
  "topic-structure-namespace-unique-device-id": (story) =>
    assertEquals(new Set(of(story, "DBIRTH").map(({ topic }) => topic)).size, 2),
  "topic-structure-namespace-device-id-associated-message-types": every(
    ["DBIRTH", "DDATA", "DDEATH"],
    ({ topic }) => topic.split("/").length === 5,
  ),
  "topic-structure-namespace-device-id-non-associated-message-types": every(
    ["NBIRTH", "NDATA", "NDEATH"],
    ({ topic }) => topic.split("/").length === 4,
  ),

  "topics-nbirth-topic": onTopic("NBIRTH"),
  "topics-nbirth-mqtt": plainly("NBIRTH"),
  "topics-nbirth-seq-num": every(["NBIRTH"], ({ seq }) => seq === 0),
  "topics-nbirth-timestamp": timed("NBIRTH"),
  "topics-nbirth-metric-reqs": known("NBIRTH", "NDATA"),
  "topics-nbirth-metrics": everyMetric(
    ["NBIRTH"],
    ({ name, datatype, value }) => !!name && !!datatype && value !== undefined,
  ),
  "topics-nbirth-bdseq-included": bdSeqMetric,
  "topics-nbirth-bdseq-matching": bdSeqs,
  "topics-nbirth-bdseq-increment": bdSeqs,
  "topics-nbirth-rebirth-metric": rebirthMetric,
  "topics-ndata-topic": onTopic("NDATA"),
  "topics-ndata-mqtt": plainly("NDATA"),
  "topics-ndata-seq-num": counts("NDATA"),
  "topics-ndata-timestamp": timed("NDATA"),
  "topics-ndata-payload": every(["NDATA"], ({ metrics }) => metrics.length > 0),
  "topics-ndeath-topic": onTopic("NDEATH"),
  "topics-ndeath-payload": willPayload,
  "topics-ndeath-seq": every(["NDEATH"], ({ seq }) => seq === undefined),
  "topics-dbirth-topic": onDeviceTopic("DBIRTH"),
  "topics-dbirth-mqtt": plainly("DBIRTH"),
  "topics-dbirth-seq": counts("DBIRTH"),
  "topics-dbirth-timestamp": timed("DBIRTH"),
  "topics-dbirth-metric-reqs": known("DBIRTH", "DDATA"),
  "topics-dbirth-metrics": everyMetric(
    ["DBIRTH"],
    ({ name, datatype, value, is_null }) => !!name && !!datatype && (value !== undefined || is_null === true),
  ),
  "topics-ddata-topic": onDeviceTopic("DDATA"),
  "topics-ddata-mqtt": plainly("DDATA"),
  "topics-ddata-seq-num": counts("DDATA"),
  "topics-ddata-timestamp": timed("DDATA"),
  "topics-ddata-payload": every(["DDATA"], ({ metrics }) => metrics.length > 0),
  "topics-ddeath-topic": onDeviceTopic("DDEATH"),
  "topics-ddeath-mqtt": plainly("DDEATH"),
  "topics-ddeath-seq-num": counts("DDEATH"),

  "case-sensitivity-metric-names": every(
    ["DBIRTH"],
    ({ metrics }) => new Set(metrics.map(({ name }) => name!.toLowerCase())).size === metrics.length,
  ),

  "message-flow-edge-node-ncmd-subscribe": subscribed(prefix("NCMD")),
  "message-flow-edge-node-birth-publish-connect": bornBeforeAll,
  "message-flow-edge-node-birth-publish-will-message": willLogged(will),
  "message-flow-edge-node-birth-publish-will-message-topic": willLogged(will),
  "message-flow-edge-node-birth-publish-will-message-payload": killed,
  "message-flow-edge-node-birth-publish-will-message-payload-bdSeq": bdSeqMetric,
  "message-flow-edge-node-birth-publish-will-message-qos": willLogged(will),
  "message-flow-edge-node-birth-publish-will-message-will-retained": willLogged(will),
  "message-flow-edge-node-birth-publish-phid-wait": waits,
  "message-flow-edge-node-birth-publish-phid-wait-id": waits,
  "message-flow-edge-node-birth-publish-phid-wait-online": waits,
  "message-flow-edge-node-birth-publish-phid-wait-timestamp": (story) => {
    waits(story);
    assert(story.edge.length > story.offlineAt);
  },
  "message-flow-edge-node-birth-publish-nbirth-topic": onTopic("NBIRTH"),
  "message-flow-edge-node-birth-publish-nbirth-payload": every(
    ["NBIRTH"],
    ({ problem }) => problem === undefined,
  ),
  "message-flow-edge-node-birth-publish-nbirth-payload-bdSeq": bdSeqs,
  "message-flow-edge-node-birth-publish-nbirth-qos": qos0("NBIRTH"),
  "message-flow-edge-node-birth-publish-nbirth-retained": notRetained("NBIRTH"),
  "message-flow-edge-node-birth-publish-nbirth-payload-seq": hasSeq("NBIRTH"),
  "message-flow-edge-node-birth-publish-phid-offline": offline,
  "message-flow-device-dcmd-subscribe": subscribed(`${prefix("DCMD")}/${PRESS}`),
  "message-flow-device-birth-publish-nbirth-wait": birthsFirst(["DDATA"]),
  "message-flow-device-birth-publish-dbirth-topic": onDeviceTopic("DBIRTH"),
  "message-flow-device-birth-publish-dbirth-match-edge-node-topic": onDeviceTopic("DBIRTH"),
  "message-flow-device-birth-publish-dbirth-payload": every(
    ["DBIRTH"],
    ({ problem }) => problem === undefined,
  ),
  "message-flow-device-birth-publish-dbirth-qos": qos0("DBIRTH"),
  "message-flow-device-birth-publish-dbirth-retained": notRetained("DBIRTH"),
  "message-flow-device-birth-publish-dbirth-payload-seq": counts("DBIRTH"),

  "operational-behavior-edge-node-intentional-disconnect-ndeath": (story) =>
    assertEquals(deaths(story).at(-1), 2),
  "operational-behavior-edge-node-termination-host-offline": offline,
  "operational-behavior-edge-node-termination-host-offline-reconnect": offline,
  "operational-behavior-edge-node-termination-host-offline-timestamp": (story) => {
    const between = story.edge.slice(story.outdatedOfflineAt, story.offlineAt);
    assertEquals(between.map(verbOf).filter((verb) => verb !== "DDATA" && verb !== "NDATA"), []);
  },
  "operational-behavior-edge-node-birth-sequence-wait": waits,
  "operational-behavior-device-ddeath": guestDies,
  "operational-behavior-data-publish-nbirth": known("NBIRTH", "NDATA"),
  "operational-behavior-data-publish-nbirth-values": valueOrNull("NBIRTH"),
  "operational-behavior-data-publish-nbirth-change": byException("NBIRTH", "NDATA"),
  "operational-behavior-data-publish-nbirth-order": chronological("NBIRTH", "NDATA"),
  "operational-behavior-data-publish-dbirth": known("DBIRTH", "DDATA"),
  "operational-behavior-data-publish-dbirth-values": valueOrNull("DBIRTH"),
  "operational-behavior-data-publish-dbirth-change": byException("DBIRTH", "DDATA"),
  "operational-behavior-data-publish-dbirth-order": chronological("DBIRTH", "DDATA"),
  "operational-behavior-data-commands-rebirth-name": rebirthMetric,
  "operational-behavior-data-commands-rebirth-name-aliases": rebirthMetric,
  "operational-behavior-data-commands-rebirth-datatype": rebirthMetric,
  "operational-behavior-data-commands-rebirth-value": rebirthMetric,
  "operational-behavior-data-commands-rebirth-action-1": rebirth,
  "operational-behavior-data-commands-rebirth-action-2": rebirth,
  "operational-behavior-data-commands-rebirth-action-3": rebirth,
  "operational-behavior-data-commands-dcmd-metric-value": writes,

  "payloads-timestamp-in-UTC": every(
    [...COUNTED, "NDEATH"],
    ({ timestamp, caughtMs }) => isNow(timestamp, caughtMs),
  ),
  "payloads-sequence-num-always-included": every(COUNTED, ({ seq }) => inByte(seq)),
  "payloads-sequence-num-req-nbirth": hasSeq("NBIRTH"),
  "payloads-sequence-num-incrementing": (story) => {
    for (const verb of ["DBIRTH", "NDATA", "DDATA", "DDEATH"]) counts(verb)(story);
    assert(
      sessions(story).some((session) => session.filter(({ seq }) => seq === 0).length > 1),
      "255 was not passed",
    );
  },
  "payloads-name-requirement": everyMetric(
    [...BIRTHS, ...DATA],
    ({ name, alias }) => name !== undefined || alias !== undefined,
  ),
  "payloads-alias-uniqueness": (story) => {
    for (const session of sessions(story)) {
      const names = new Map<number, string>();
      for (const { topic, metrics, ...rest } of session) {
        if (!BIRTHS.includes(verbOf({ topic, metrics, ...rest }))) continue;
        for (const { alias, name } of metrics) {
          if (alias === undefined) continue;
          const whole = `${topic.split("/").slice(3).join("/")} ${name}`;
          assertEquals(names.get(alias) ?? whole, whole);
          names.set(alias, whole);
        }
      }
      assertEquals(new Set(names.values()).size, names.size);
    }
  },
  "payloads-alias-birth-requirement": everyMetric(
    BIRTHS,
    ({ name, alias }) => !!name && (alias !== undefined || name === "bdSeq" || name === REBIRTH),
  ),
  "payloads-alias-data-cmd-requirement": everyMetric(
    DATA,
    ({ name, alias }) => name === undefined && alias !== undefined,
  ),
  "payloads-name-birth-data-requirement": everyMetric(
    [...BIRTHS, ...DATA],
    ({ timestamp }) => timestamp !== undefined,
  ),
  "payloads-metric-timestamp-in-UTC": every(
    [...BIRTHS, ...DATA],
    ({ metrics, caughtMs }) => metrics.every(({ timestamp }) => isNow(timestamp, caughtMs)),
  ),
  "payloads-metric-datatype-value-type": everyMetric(BIRTHS, ({ datatype }) => Number.isInteger(datatype)),
  "payloads-metric-datatype-value": everyMetric(BIRTHS, ({ datatype }) => datatype! >= 1 && datatype! <= 34),
  "payloads-metric-datatype-req": everyMetric(BIRTHS, ({ datatype }) => datatype !== undefined),
  "payloads-metric-datatype-not-req": everyMetric(DATA, ({ datatype }) => datatype === undefined),
  "payloads-propertyset-keys-array-size": properties,
  "payloads-propertyset-values-array-size": properties,
  "payloads-metric-propertyvalue-type-type": properties,
  "payloads-metric-propertyvalue-type-value": properties,
  "payloads-metric-propertyvalue-type-req": properties,
  "payloads-nbirth-timestamp": timed("NBIRTH"),
  "payloads-nbirth-seq": hasSeq("NBIRTH"),
  "payloads-nbirth-bdseq": bdSeqMetric,
  "payloads-nbirth-bdseq-repeat": bdSeqs,
  "payloads-nbirth-rebirth-req": rebirthMetric,
  "payloads-nbirth-qos": qos0("NBIRTH"),
  "payloads-nbirth-retain": notRetained("NBIRTH"),
  "payloads-dbirth-timestamp": timed("DBIRTH"),
  "payloads-dbirth-seq": hasSeq("DBIRTH"),
  "payloads-dbirth-seq-inc": counts("DBIRTH"),
  "payloads-dbirth-order": birthsFirst(DATA),
  "payloads-dbirth-qos": qos0("DBIRTH"),
  "payloads-dbirth-retain": notRetained("DBIRTH"),
  "payloads-ndata-timestamp": timed("NDATA"),
  "payloads-ndata-seq": hasSeq("NDATA"),
  "payloads-ndata-seq-inc": counts("NDATA"),
  "payloads-ndata-order": birthsFirst(["NDATA"]),
  "payloads-ndata-qos": qos0("NDATA"),
  "payloads-ndata-retain": notRetained("NDATA"),
  "payloads-ddata-timestamp": timed("DDATA"),
  "payloads-ddata-seq": hasSeq("DDATA"),
  "payloads-ddata-seq-inc": counts("DDATA"),
  "payloads-ddata-order": birthsFirst(["DDATA"]),
  "payloads-ddata-qos": qos0("DDATA"),
  "payloads-ddata-retain": notRetained("DDATA"),
  "payloads-ndeath-seq": every(["NDEATH"], ({ seq }) => seq === undefined),
  "payloads-ndeath-will-message": willLogged(will),
  "payloads-ndeath-will-message-qos": willLogged(will),
  "payloads-ndeath-will-message-retain": willLogged(will),
  "payloads-ndeath-bdseq": bdSeqs,
  "payloads-ndeath-will-message-publisher": (story) => assertEquals(deaths(story).at(-1), 2),
  "payloads-ndeath-will-message-publisher-disconnect-mqtt50": (story) =>
    assertEquals(deaths(story).slice(-2), [2, 2]),
  "payloads-ddeath-timestamp": timed("DDEATH"),
  "payloads-ddeath-seq": hasSeq("DDEATH"),
  "payloads-ddeath-seq-inc": counts("DDEATH"),
  "payloads-ddeath-seq-number": hasSeq("DDEATH"),
};

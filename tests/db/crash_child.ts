/**
 * Streams events into a database until it is killed, and says which are acknowledged: one line of
 * `topic sequence` each. The payload of an event is its sequence, so that the parent finds it again.
 */
import { writeSync } from "node:fs";
import { argv } from "node:process";
import { openStore } from "../../db/open.ts";
import { Topic } from "../../hub/topic.ts";
import { f64, startThread } from "./support.ts";

const PRODUCER = "child";
const TOPICS = [1, 2, 3];
const STATE_TOPIC = 9;

const store = await openStore({
  dir: argv[2]!,
  startThread,
  // Small, so that kills hit the compactor and the merger too.
  limits: { compactBytes: 65_536 },
});
const session = store.sessionLog.open({
  role: "device",
  tokenId: "t",
  label: "",
  remote: "r",
  transport: "websocket",
});

function define(id: number, deliveryClass: "event" | "state"): Topic {
  const made = new Topic(
    id,
    { name: `dev/t${id}`, deliveryClass, encoding: "f64", writable: false },
    store.boot.epoch,
  );
  store.recorder.define(made);
  return made;
}

const events = TOPICS.map((id) => define(id, "event"));
const state = define(STATE_TOPIC, "state");

store.recorder.onCommitted((sample, _producer, sequence) => {
  writeSync(1, `${sample.topic.id} ${sequence}\n`);
});

function sampleOf(topic: Topic, value: number) {
  const timeUs = Date.now() * 1000;
  return {
    topic,
    offset: ++topic.lastOffset,
    timeUs,
    session: session.number,
    bytes: f64(value),
    start: 0,
    end: 8,
  };
}

const sequences = events.map((topic) => store.recorder.lastSequence(topic, PRODUCER));
writeSync(1, "ready\n");
setInterval(() => {
  for (const [i, topic] of events.entries()) {
    for (let n = 0; n < 5; n++) {
      const sequence = sequences[i]! + 1;
      if (store.recorder.event(sampleOf(topic, sequence), PRODUCER, sequence)) sequences[i] = sequence;
    }
  }
  for (let n = 0; n < 100; n++) store.recorder.state(sampleOf(state, n));
}, 1);

/**
 * What differences come to on the state lane: bytes on the wire of whole values and with differences, through the
 * lane's own two ends, for what the host agent really reads, for a struct of 2 KB and for many values of 200 B of
 * which 5 % changes each turn, and for as many that are all new.
 *
 * ```sh
 * deno run -A bench/rtc/delta.ts    # half a minute: the agent's figures are read as they come
 * ```
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { hostSource } from "../../cli/agent/host.ts";
import { Metrics } from "../../cli/agent/metrics.ts";
import { BatchReader } from "../../protocol/batch.ts";
import { BASELINE_BYTES } from "../../protocol/limits.ts";
import { StateReceiver } from "../../protocol/state_receiver.ts";
import { StateSender } from "../../protocol/state_sender.ts";
import { seeded } from "../../tests/support/hostile_packets.ts";

/** One turn of a source: the values of its topics. */
type Turn = Uint8Array[];

/** A source of turns, and the time between them in milliseconds. */
interface Source {
  name: string;
  everyMs: number;
  turns: Turn[];
}

/** Headers of a packet: IPv4, UDP, DTLS record with nonce and tag, SCTP, DATA chunk. */
const PACKET_BYTES = 20 + 8 + 13 + 8 + 16 + 12 + 16;

/** Data of one DATA chunk, as werift cuts it. */
const CHUNK_BYTES = 1_200;

/** The lane has this long to find its round trip before the first turn, in milliseconds. */
const WARM_MS = 1_000;

const ROUND_TRIPS_MS = [1, 50, 200];
const AGENT_EVERY_MS = 100;
const AGENT_TURNS = 300;

async function agent(): Promise<Source> {
  const source = await hostSource();
  const metrics = new Metrics();
  const turns: Turn[] = [];
  for (let i = 0; i <= AGENT_TURNS; i++) {
    const readings = metrics.fast(await source.fast(), performance.now());
    // the first turn has no rates yet
    if (i > 0) turns.push(readings.map(({ values }) => new Uint8Array(new Float64Array(values).buffer)));
    await new Promise((done) => setTimeout(done, AGENT_EVERY_MS));
  }
  return { name: `host agent, ${turns[0]!.length} topics`, everyMs: AGENT_EVERY_MS, turns };
}

/** Values of which a share changes each turn, in pieces of so many bytes. */
function structs(topics: number, size: number, piece: number, share = 0.05): Source {
  const below = seeded(1);
  const values = Array.from({ length: topics }, () => Uint8Array.from({ length: size }, () => below(256)));
  const turns = Array.from({ length: 1_000 / Math.sqrt(topics) }, () =>
    values.map((value) => {
      for (let i = 0; i < size * share / piece; i++) {
        const at = below(Math.floor(size / piece)) * piece;
        for (let j = 0; j < piece; j++) value[at + j] = below(256);
      }
      return value.slice();
    }));
  const changes = `${100 * share} % in pieces of ${piece} B`;
  return { name: `${topics} x ${size} B, ${changes}`, everyMs: 50, turns };
}

/** What a way of sending comes to, for each turn. */
interface Cost {
  wireBytes: number;
  packets: number;
  /** CPU time of making the messages, and of taking them, in microseconds. */
  sendUs: number;
  receiveUs: number;
}

/** Both ends of a lane, half a round trip apart, stepped a millisecond at a time. */
function send(source: Source, rttMs: number, keptBytes: number): Cost {
  const sender = new StateSender();
  sender.receiverKeeps(keptBytes);
  const receiver = new StateReceiver(keptBytes);
  const stream = sender.stream(1);
  let packets: { atMs: number; bytes: Uint8Array; up: boolean }[] = [];
  let cost: Cost = { wireBytes: 0, packets: 0, sendUs: 0, receiveUs: 0 };
  const placed = new Map<number, Uint8Array>();
  const endMs = WARM_MS + source.turns.length * source.everyMs;
  for (let ms = 0; ms < endMs + 2 * rttMs + 100; ms++) {
    const due = packets.filter(({ atMs }) => atMs <= ms);
    packets = packets.filter(({ atMs }) => atMs > ms);
    for (const { bytes, up } of due) {
      const startMs = performance.now();
      if (up) sender.confirmed(bytes, ms);
      else receiver.receive(bytes, ms, (batch) => place(batch, placed));
      cost[up ? "sendUs" : "receiveUs"] += 1_000 * (performance.now() - startMs);
    }
    const confirmation = receiver.confirmation(ms);
    if (confirmation) packets.push({ atMs: ms + rttMs / 2, bytes: confirmation, up: true });
    if (ms === WARM_MS) cost = { wireBytes: 0, packets: 0, sendUs: 0, receiveUs: 0 };
    const turn = (ms - WARM_MS) / source.everyMs;
    source.turns[turn]?.forEach((value, topic) => stream.put(topic + 1, turn + 1, ms * 1_000, value));
    const startMs = performance.now();
    for (let message = sender.next(ms); message; message = sender.next(ms)) {
      packets.push({ atMs: ms + rttMs / 2, bytes: message.slice(), up: false });
      const count = Math.ceil(message.length / CHUNK_BYTES);
      cost.packets += count;
      cost.wireBytes += message.length + count * PACKET_BYTES;
    }
    cost.sendUs += 1_000 * (performance.now() - startMs);
    sender.look(ms);
  }
  source.turns.at(-1)!.forEach((value, topic) => assertEquals(placed.get(topic + 1), value));
  const turns = source.turns.length;
  return {
    wireBytes: cost.wireBytes / turns,
    packets: cost.packets / turns,
    sendUs: cost.sendUs / turns,
    receiveUs: cost.receiveUs / turns,
  };
}

function place(batch: Uint8Array, placed: Map<number, Uint8Array>): boolean {
  const reader = new BatchReader();
  reader.open(batch);
  while (reader.next()) placed.set(reader.channel, batch.subarray(reader.start, reader.end));
  return true;
}

console.log(
  "| source | RTT | sent as | wire bytes a turn | packets | of whole | sending µs | receiving µs |",
);
console.log("| --- | --: | --- | --: | --: | --: | --: | --: |");
const sources = [
  await agent(),
  structs(1, 2_048, 1),
  structs(1, 2_048, 4),
  structs(100, 200, 1),
  structs(100, 200, 1, 1),
];
for (const source of sources) {
  for (const rttMs of ROUND_TRIPS_MS) {
    const whole = send(source, rttMs, 0);
    for (const [way, cost] of Object.entries({ whole, differences: send(source, rttMs, BASELINE_BYTES) })) {
      const cells = [
        source.name,
        `${rttMs} ms`,
        way,
        cost.wireBytes.toFixed(0),
        cost.packets.toFixed(2),
        `${(100 * cost.wireBytes / whole.wireBytes).toFixed(0)} %`,
        cost.sendUs.toFixed(0),
        cost.receiveUs.toFixed(0),
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
}

/**
 * Whether sending differences would pay on the state lane: bytes on the wire of whole values and of differences to
 * the last confirmed value, for what the host agent really reads for a struct of 2 KB and for many values of
 * 200 B, of which 5 % changes.
 *
 * ```sh
 * deno run -A bench/rtc/delta.ts    # half a minute: the agent's figures are read as they come
 * ```
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { deflateRawSync } from "node:zlib";
import { hostSource } from "../../cli/agent/host.ts";
import { Metrics } from "../../cli/agent/metrics.ts";
import { encodeConfirmation } from "../../protocol/state_frame.ts";
import { StateSender } from "../../protocol/state_sender.ts";
import { seeded } from "../../tests/support/hostile_packets.ts";
import { difference, patched } from "./difference.ts";

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

/** Says in a record whether it is whole or a difference, and to which message. */
const MARK_BYTES = 2;

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

/** Values of which 5 % changes each turn, in pieces of so many bytes. */
function structs(topics: number, size: number, piece: number): Source {
  const below = seeded(1);
  const values = Array.from({ length: topics }, () => Uint8Array.from({ length: size }, () => below(256)));
  const turns = Array.from({ length: 1_000 / Math.sqrt(topics) }, () =>
    values.map((value) => {
      for (let i = 0; i < size * 0.05 / piece; i++) {
        const at = below(Math.floor(size / piece)) * piece;
        for (let j = 0; j < piece; j++) value[at + j] = below(256);
      }
      return value.slice();
    }));
  return { name: `${topics} x ${size} B, 5 % in pieces of ${piece} B`, everyMs: 50, turns };
}

/** What a way of sending comes to, for each turn. */
interface Cost {
  wireBytes: number;
  packets: number;
  encodeUs: number;
}

/** Sends the turns through the real sender and its packing; `encode` says what takes a value's place. */
function send(
  source: Source,
  encode: (value: Uint8Array, base: Uint8Array | undefined) => Uint8Array,
  lag: number,
): Cost {
  const sender = new StateSender();
  const stream = sender.stream(1);
  let [wireBytes, packets, encodeMs, number] = [0, 0, 0, 0];
  source.turns.forEach((turn, i) => {
    const nowMs = i * source.everyMs;
    const payloads = turn.map((value, topic) => {
      const startMs = performance.now();
      const payload = encode(value, source.turns[i - lag]?.[topic]);
      encodeMs += performance.now() - startMs;
      return payload;
    });
    payloads.forEach((payload, topic) => stream.put(topic + 1, i + 1, nowMs * 1_000, payload));
    for (let message = sender.next(nowMs); message; message = sender.next(nowMs)) {
      number++;
      const count = Math.ceil(message.length / CHUNK_BYTES);
      packets += count;
      wireBytes += message.length + count * PACKET_BYTES;
    }
    const map = new Uint8Array(4).fill(255);
    sender.confirmed(encodeConfirmation({ highest: number, heldUs: 0, map }), nowMs);
  });
  const turns = source.turns.length;
  return { wireBytes: wireBytes / turns, packets: packets / turns, encodeUs: encodeMs * 1_000 / turns };
}

/** Puts the shorter of a difference and the whole into a record, with its mark. */
function shorter(value: Uint8Array, change: Uint8Array | undefined): Uint8Array {
  const chosen = change && change.length < value.length ? change : value;
  const record = new Uint8Array(MARK_BYTES + chosen.length);
  record.set(chosen, MARK_BYTES);
  return record;
}

function byRows(value: Uint8Array, base: Uint8Array | undefined): Uint8Array {
  return shorter(value, base && difference(base, value));
}

/** The whole value compressed with the base as dictionary. */
function byDeflate(value: Uint8Array, base: Uint8Array | undefined): Uint8Array {
  return shorter(value, base && deflateRawSync(value, { level: 1, dictionary: base }));
}

function check(source: Source): void {
  source.turns.forEach((turn, i) =>
    turn.forEach((value, topic) => {
      const base = source.turns[i - 1]?.[topic];
      const change = base && difference(base, value);
      if (base && change) assertEquals(patched(base, change), value);
    })
  );
}

console.log("| source | RTT | sent as | wire bytes a turn | packets | of whole | encoding µs |");
console.log("| --- | --: | --- | --: | --: | --: | --: |");
for (const source of [await agent(), structs(1, 2_048, 1), structs(1, 2_048, 4), structs(100, 200, 1)]) {
  check(source);
  const whole = send(source, (value) => value, 1);
  for (const rttMs of ROUND_TRIPS_MS) {
    const lag = 1 + Math.floor(rttMs / source.everyMs);
    const ways = { whole, difference: send(source, byRows, lag), deflate: send(source, byDeflate, lag) };
    for (const [way, { wireBytes, packets, encodeUs }] of Object.entries(ways)) {
      const share = `${(100 * wireBytes / whole.wireBytes).toFixed(0)} %`;
      const cells = [
        source.name,
        `${rttMs} ms`,
        way,
        wireBytes.toFixed(0),
        packets.toFixed(2),
        share,
        encodeUs.toFixed(1),
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
}

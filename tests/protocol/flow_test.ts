/** The state lane on a link that carries less than it is offered, and on links that carry more. */
import { assert, assertEquals } from "@std/assert";
import { BatchReader } from "../../protocol/batch.ts";
import { encodeConfirmation } from "../../protocol/state_frame.ts";
import { StateReceiver } from "../../protocol/state_receiver.ts";
import { StateSender } from "../../protocol/state_sender.ts";

/** What SCTP, DTLS, UDP and IP add to a message. */
const PACKET_BYTES = 90;

function quantile(values: number[], share: number): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length * share)] ?? NaN;
}

interface Profile {
  bytesPerMs: number;
  delayMs: number;
  jitterMs: number;
  loss: number;
  bufferBytes: number;
}

/** Always the same numbers from 0 to 1. */
function numbers(): () => number {
  let state = 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/**
 * Streams `topics` x 20 Hz x `bytes` for some seconds; returns ages and waits in front of the link of the second half.
 * `keptBytes`: for differences; 5 % of the bytes of a value change each turn.
 */
function stream(profile: Profile, topics: number, bytes: number, seconds: number, keptBytes = 0) {
  const random = numbers();
  const sender = new StateSender();
  const receiver = new StateReceiver(keptBytes);
  sender.receiverKeeps(keptBytes);
  const samples = sender.stream(7);
  const madeMs = new Float64Array(topics).fill(-1);
  const ages: number[] = [];
  /** For how long packets waited for the link, in milliseconds: all of the first second, and those of the second half. */
  const firstWaits: number[] = [];
  const waits: number[] = [];
  let packets: { atMs: number; bytes: Uint8Array; up: boolean }[] = [];
  let freeAtMs = 0;
  let lastAtMs = 0;
  const send = (message: Uint8Array, nowMs: number, up: boolean) => {
    if (random() < profile.loss) return;
    let leavesMs = nowMs;
    if (!up) {
      const start = Math.max(nowMs, freeAtMs);
      if ((start - nowMs) * profile.bytesPerMs > profile.bufferBytes) return;
      if (nowMs < 1_000) firstWaits.push(start - nowMs);
      if (nowMs > seconds * 500) waits.push(start - nowMs);
      leavesMs = freeAtMs = start + (message.length + PACKET_BYTES) / profile.bytesPerMs;
    }
    const atMs = leavesMs + profile.delayMs + (2 * random() - 1) * profile.jitterMs;
    if (!up) lastAtMs = Math.max(lastAtMs, atMs);
    packets.push({ atMs: up ? atMs : lastAtMs, bytes: message.slice(), up });
  };
  const place = (batch: Uint8Array) => {
    const reader = new BatchReader();
    reader.open(batch);
    while (reader.next()) {
      madeMs[reader.channel - 1] = Math.max(madeMs[reader.channel - 1]!, reader.timeUs / 1_000);
    }
    return true;
  };
  let offset = 0;
  const value = Uint8Array.from({ length: bytes }, () => 256 * random());
  for (let ms = 1; ms <= seconds * 1_000; ms++) {
    const due = packets.filter(({ atMs }) => atMs <= ms);
    packets = packets.filter(({ atMs }) => atMs > ms);
    for (const { bytes, up } of due) {
      if (up) sender.confirmed(bytes, ms);
      else receiver.receive(bytes, ms, place);
    }
    const confirmation = receiver.confirmation(ms);
    if (confirmation) send(confirmation, ms, true);
    if (ms % 50 === 0) {
      offset++;
      for (let topic = 1; topic <= topics; topic++) {
        samples.put(topic, offset, ms * 1_000, value);
      }
      for (let i = 0; i < bytes / 20; i++) value[Math.floor(bytes * random())] = 256 * random();
    }
    sender.look(ms);
    for (let message = sender.next(ms); message; message = sender.next(ms)) send(message, ms, false);
    if (ms > seconds * 500) { for (const made of madeMs) if (made >= 0) ages.push(ms - made); }
  }
  return {
    p99: quantile(ages, 0.99),
    waitP50: quantile(waits, 0.5),
    waitP99: quantile(waits, 0.99),
    firstWait: Math.max(...firstWaits),
    samples,
    sender,
  };
}

/** 1 Mbit/s, RTT 30 ± 10 ms, loss 2 %. */
const NARROW: Profile = { bytesPerMs: 125, delayMs: 15, jitterMs: 5, loss: 0.02, bufferBytes: 65_536 };

Deno.test("a lane that is offered three times its link's rate lets no queue build up", () => {
  const { p99, waitP50, waitP99, firstWait, samples, sender } = stream(NARROW, 100, 200, 30);
  // a round of all topics takes 183 ms of the link, values are made every 50 ms, and the way takes 24 ms
  const { flow, health } = sender;
  const seen = `window ${flow.bytes}, trip ${flow.tripMs}, lost ${health.lost} of ${health.sent}`;
  assert(p99 <= 300, `p99 ${p99} ms, ${seen}`);
  assert(waitP50 <= 25 && waitP99 <= 60, `waits ${waitP50} and ${waitP99} ms, ${seen}`);
  assert(firstWait <= 150, `a queue of ${firstWait} ms at the start, ${seen}`);
  assert(samples.conflated > 0);
});

Deno.test("differences bring the same values of that link within 250 ms", () => {
  const { p99, waitP50, waitP99, sender } = stream(NARROW, 100, 200, 20, 1_048_576);
  const { flow, health, differences } = sender;
  const seen = `window ${flow.bytes}, lost ${health.lost} of ${health.sent}, ${
    differences!.sent
  } differences`;
  assert(p99 <= 220, `p99 ${p99} ms, ${seen}`);
  assert(waitP50 <= 25 && waitP99 <= 60, `waits ${waitP50} and ${waitP99} ms, ${seen}`);
});

Deno.test("a lane keeps a faster link full without a queue, too", () => {
  const faster = { ...NARROW, bytesPerMs: 500, delayMs: 25 };
  const { p99, waitP50 } = stream(faster, 300, 200, 10);
  // a round of all topics takes 137 ms of the link
  assert(p99 <= 260, `p99 ${p99} ms`);
  assert(waitP50 <= 25, `waits ${waitP50} ms`);
});

Deno.test("a lane within its link's rate leaves nothing out", () => {
  const { p99, samples } = stream(NARROW, 20, 200, 10);
  assert(p99 <= 150, `p99 ${p99} ms`);
  assert(samples.conflated <= 20, `${samples.conflated} samples left out`);
});

Deno.test("a lane on a fast network is not held up by its own guesses", () => {
  const lan = { bytesPerMs: 12_500, delayMs: 0.3, jitterMs: 0.2, loss: 0, bufferBytes: 1_000_000 };
  const { p99, samples } = stream(lan, 200, 200, 25);
  assertEquals(samples.conflated, 0);
  assert(p99 <= 53, `p99 ${p99} ms`);
});

Deno.test("a lane that takes no more while the round trip grows is a full link, whoever holds its messages back", () => {
  const sender = new StateSender();
  const stream = sender.stream(7);
  const confirm = (highest: number, ms: number) =>
    sender.confirmed(encodeConfirmation({ highest, heldUs: 0, map: new Uint8Array(0) }), ms);
  assert(sender.next(0), "the first message is a heartbeat");
  confirm(1, 30);
  for (let topic = 1; topic <= 100; topic++) stream.put(topic, 1, 30_000, new Uint8Array(200));
  assert(sender.next(30));
  confirm(2, 130); // 70 ms longer than the first
  sender.held(130);
  const { bytes } = sender.flow;
  assert(bytes < 4_000, `${bytes} bytes are still let be under way`);
});

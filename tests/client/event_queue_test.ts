import { assertEquals } from "@std/assert";
import { EventQueue, type QueuedEvent } from "../../client/event_queue.ts";

function event(stored = true): QueuedEvent {
  return { timeUs: 0, local: false, payload: new Uint8Array(1), stored, resolve: () => {}, reject: () => {} };
}

/** Sends all that can be sent; returns the sequences. */
function send(queue: EventQueue): number[] {
  const sent: number[] = [];
  for (let next = queue.next(); next; next = queue.next()) {
    sent.push(next.sequence);
    queue.markSent();
  }
  return sent;
}

function queueOf(count: number): EventQueue {
  const queue = new EventQueue();
  for (let i = 0; i < count; i++) queue.push(event());
  return queue;
}

Deno.test("what is not acknowledged goes out again after a rewind, and nothing twice without one", () => {
  const queue = queueOf(4);
  assertEquals(send(queue), [1, 2, 3, 4]);
  assertEquals(send(queue), []);
  const { done, sent } = queue.acknowledge(2);
  assertEquals([done.map((entry) => entry.sequence), sent], [[1, 2], 2]);
  queue.rewind();
  assertEquals(send(queue), [3, 4]);
});

Deno.test("an acknowledgement never covers what was not sent, and a lower one changes nothing", () => {
  const queue = queueOf(2);
  send(queue);
  queue.push(event());
  assertEquals(queue.acknowledge(99).done.length, 2);
  assertEquals(queue.acknowledge(1).done.length, 0);
  assertEquals(send(queue), [3]);
});

Deno.test("an event that is not stored yet holds back those behind it", () => {
  const queue = queueOf(1);
  const late = event(false);
  queue.push(late);
  queue.push(event());
  assertEquals(send(queue), [1]);
  late.stored = true;
  assertEquals(send(queue), [2, 3]);
});

Deno.test("events that were never sent are numbered behind what the gateway has", () => {
  const fresh = queueOf(2);
  assertEquals(fresh.agree(40), true);
  assertEquals(send(fresh), [41, 42]);
  const restored = new EventQueue();
  restored.restore(5, [event(), event()]);
  restored.push(event());
  assertEquals(restored.agree(9), true);
  assertEquals(restored.acknowledge(9).done.map((entry) => entry.sequence), [6, 7]);
  assertEquals(send(restored), [10]);
});

Deno.test("a gateway that has less than it acknowledged is noticed", () => {
  const queue = queueOf(2);
  send(queue);
  queue.acknowledge(2);
  assertEquals(queue.agree(1), false);
  queue.push(event());
  queue.startOver();
  assertEquals(queue.agree(0), true);
  assertEquals(send(queue), [1]);
});

Deno.test("a dropped event leaves its number unused, a removed one gives it to the next", () => {
  const dropped = queueOf(3);
  dropped.dropOldestUnsent();
  assertEquals(send(dropped), [2, 3]);
  assertEquals(dropped.dropOldestUnsent(), undefined);
  const removed = queueOf(1);
  const failed = event(false);
  removed.push(failed);
  removed.push(event());
  assertEquals(removed.remove(failed), true);
  assertEquals(send(removed), [1, 2]);
  assertEquals(removed.remove(failed), false);
});

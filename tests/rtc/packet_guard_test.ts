import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { type Guarded, PacketGuard, type Refused } from "../../rtc/packet_guard.ts";
import { isAuthentic } from "../../rtc/stun_request.ts";
import { hostilePackets } from "../support/hostile_packets.ts";

const PASSWORD = "0123456789012345678901";
const CLIENT = ["192.0.2.7", 40_000] as const;
const STRANGER = ["203.0.113.9", 40_000] as const;

/** A binding request as ICE has it: user name and integrity. */
function request(password = PASSWORD, name = "ours:theirs"): Uint8Array {
  const user = new TextEncoder().encode(name);
  const padded = user.length + 3 & ~3;
  const packet = new Uint8Array(20 + 4 + padded + 24);
  const view = new DataView(packet.buffer);
  view.setUint16(0, 1);
  view.setUint16(2, packet.length - 20);
  view.setUint32(4, 0x2112a442);
  view.setUint32(20, 6 << 16 | user.length);
  packet.set(user, 24);
  view.setUint32(24 + padded, 8 << 16 | 20);
  packet.set(createHmac("sha1", password).update(packet.subarray(0, 24 + padded)).digest(), 28 + padded);
  return packet;
}

function record(kind: number, epoch: number, length: number): Uint8Array {
  const packet = new Uint8Array(13 + length);
  packet.set([kind, 254, 253, epoch >> 8, epoch & 0xff]);
  new DataView(packet.buffer).setUint16(11, length);
  return packet;
}

function guard() {
  const refused: Refused[] = [];
  const guarded: Guarded & { up: boolean } = {
    up: false,
    passwordOf: (fragment) => fragment === "ours" ? PASSWORD : undefined,
    secured: () => guarded.up,
    refused: (why) => refused.push(why),
  };
  return { guarded, refused, guard: new PacketGuard(guarded) };
}

Deno.test("isAuthentic takes the request of RFC 5769 section 2.1 and no other", () => {
  const bytes = Uint8Array.from(
    (
      "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e20746573742063" +
      "6c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a68" +
      "36765920202000080014" + "9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2" + "80280004e57a3bcf"
    ).match(/../g)!.map((pair) => parseInt(pair, 16)),
  );
  const password = "VOkJxbRl1RmTxUk/WvJxBt";
  const buffer = Buffer.from(bytes);
  assert(isAuthentic(buffer, (name) => name === "evtj" ? password : undefined));
  assertEquals([...buffer], [...bytes], "the packet is left as it is");
  assertEquals(isAuthentic(bytes, () => undefined), false);
  assertEquals(isAuthentic(bytes, () => `${password}x`), false);
  for (let length = 0; length < bytes.length - 8; length++) {
    assertEquals(isAuthentic(bytes.subarray(0, length), () => password), false, `cut to ${length}`);
  }
});

Deno.test("a guard lets nothing of a stranger's through, and everything of who has signed a request", () => {
  const { guard: it, refused } = guard();
  assertEquals(it.admit(record(23, 1, 40), CLIENT), false);
  assertEquals(it.admit(request("another"), CLIENT), false);
  assertEquals(it.admit(request(PASSWORD, "other:theirs"), CLIENT), false);
  assertEquals(refused.splice(0), ["stranger", "unsigned", "unsigned"]);
  assert(it.admit(request(), CLIENT));
  assert(it.admit(record(23, 1, 40), CLIENT));
  assert(it.admit(record(22, 0, 40), CLIENT));
  assertEquals(it.admit(record(23, 1, 40), STRANGER), false);
  assert(it.admit(request(), STRANGER), "the client has moved");
  assert(it.admit(record(23, 1, 40), STRANGER));
  assert(it.admit(record(23, 1, 40), CLIENT), "the former path goes on");
});

Deno.test("a guard turns away what is no row of DTLS records, and alerts in the clear once DTLS is up", () => {
  const { guard: it, guarded, refused } = guard();
  it.admit(request(), CLIENT);
  const cut = record(23, 1, 40).subarray(0, 40);
  for (const packet of [new Uint8Array(0), cut, record(30, 0, 4), record(64, 0, 4), new Uint8Array([200])]) {
    assertEquals(it.admit(packet, CLIENT), false);
  }
  assertEquals(refused.splice(0), ["form", "form", "form", "form", "form"]);
  assert(it.admit(record(21, 0, 2), CLIENT));
  guarded.up = true;
  assertEquals(it.admit(record(21, 0, 2), CLIENT), false);
  assert(it.admit(record(21, 1, 26), CLIENT));
});

Deno.test("a guard ends a handshake in the clear that goes on for ever", () => {
  const { guard: it, refused } = guard();
  it.admit(request(), CLIENT);
  let taken = 0;
  for (let i = 0; i < 1_000; i++) if (it.admit(record(22, 0, 1_000), CLIENT)) taken += 1_013;
  assert(taken > 60_000 && taken <= 65_536, `${taken} bytes taken`);
  assertEquals(new Set(refused), new Set(["clear"]));
  assert(it.admit(record(23, 1, 40), CLIENT), "what is encrypted passes");
});

Deno.test("a guard takes hostile packets without throwing, and lets none of a stranger's requests or records through", () => {
  const { guard: it } = guard();
  const packets = hostilePackets(7);
  for (let i = 0; i < 20_000; i++) {
    const packet = packets.next().value as Uint8Array;
    // a response is left to werift, which knows of no such transaction
    const response = packet[0]! >= 1 && packet[0]! <= 3;
    if (!response) assertEquals(it.admit(packet, STRANGER), false);
    else it.admit(packet, STRANGER);
  }
});

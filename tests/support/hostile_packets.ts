/**
 * Packets that nobody honest sends to a WebRTC peer's UDP socket, the same ones for the same seed.
 *
 * @module
 */

/** Numbers from 0 (included) to `below`, the same for the same seed (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return Math.floor(((mixed ^ mixed >>> 14) >>> 0) / 4_294_967_296 * below);
  };
}

type Below = (below: number) => number;

function noise(below: Below, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => below(256));
}

/** A STUN message that says the wrong length, or is cut, or has attributes of nonsense. */
function stun(below: Below): Uint8Array {
  const types = [0x0001, 0x0101, 0x0111, 0x0011, 0x0003, 0x3eff];
  const packet = noise(below, 20 + below(120));
  const view = new DataView(packet.buffer);
  view.setUint16(0, types[below(types.length)]!);
  view.setUint16(2, below(3) === 0 ? below(65_536) : packet.length - 20);
  view.setUint32(4, 0x2112a442);
  return packet;
}

/** A binding request in good form with a user name and an integrity of nobody's. */
function unsignedRequest(below: Below): Uint8Array {
  const packet = new Uint8Array(20 + 4 + 12 + 4 + 20 + 4);
  packet.set(noise(below, packet.length));
  const view = new DataView(packet.buffer);
  view.setUint16(0, 0x0001);
  view.setUint16(2, packet.length - 20);
  view.setUint32(4, 0x2112a442);
  view.setUint32(20, 0x0006 << 16 | 12); // USERNAME
  packet.set(new TextEncoder().encode("abcd:efghijk"), 24);
  view.setUint32(36, 0x0008 << 16 | 20); // MESSAGE-INTEGRITY
  view.setUint32(60, 0x0025 << 16); // USE-CANDIDATE
  return packet;
}

/** DTLS records of any kind, epoch and length. */
function record(below: Below): Uint8Array {
  const packet = noise(below, 13 + below(300));
  packet[0] = below(4) === 0 ? 20 + below(44) : 20 + below(4);
  packet.set([254, 253, 0, below(3)], 1);
  if (below(3) > 0) new DataView(packet.buffer).setUint16(11, packet.length - 13);
  return packet;
}

/** A piece of a certificate message that never becomes whole. */
function fragment(below: Below): Uint8Array {
  const packet = noise(below, 13 + 12 + 1_000);
  const view = new DataView(packet.buffer);
  packet.set([22, 254, 253, 0, 0], 0);
  view.setUint16(11, packet.length - 13);
  view.setUint32(13, 11 << 24 | 0xff_ff_ff);
  view.setUint32(18, below(0xff_ff) << 8);
  view.setUint32(21, view.getUint32(21) & 0xff);
  view.setUint16(23, 1_000);
  return packet;
}

/** `close_notify` in the clear. */
function alert(): Uint8Array {
  return Uint8Array.of(21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0);
}

/** Endless packets of every kind. */
export function* hostilePackets(seed: number): Generator<Uint8Array> {
  const below = seeded(seed);
  const kinds = [stun, unsignedRequest, record, fragment, alert, (next: Below) => noise(next, below(1_400))];
  while (true) yield kinds[below(kinds.length)]!(below);
}

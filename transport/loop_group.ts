/**
 * A broadcast group that sends to one member after another: right for every transport, and the fastest way
 * where the runtime has no broadcast of its own.
 *
 * @module
 */
import { GuardedTransport } from "./guarded.ts";
import type { BroadcastGroup, Transport } from "./transport.ts";

/** What {@link BroadcastGroup.send} returns when nobody refused: one shared array instead of one per message. */
export const NOBODY: readonly Transport[] = Object.freeze([]);

/** A {@link BroadcastGroup} that loops. */
export class LoopGroup implements BroadcastGroup {
  readonly #members = new Set<Transport>();

  get size(): number {
    return this.#members.size;
  }

  add(transport: Transport): void {
    if (!transport.open || this.#members.has(transport)) return;
    this.#members.add(transport);
    if (transport instanceof GuardedTransport) transport.joined(this);
  }

  delete(transport: Transport): void {
    if (this.#members.delete(transport) && transport instanceof GuardedTransport) transport.left(this);
  }

  send(message: Uint8Array): readonly Transport[] {
    let refused: Transport[] | undefined;
    for (const member of this.#members) {
      if (member.send(message, "state")) continue;
      (refused ??= []).push(member);
      if (!member.open) this.delete(member);
    }
    return refused ?? NOBODY;
  }
}

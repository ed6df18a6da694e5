/**
 * A TCP connection of the generator.
 *
 * @module
 */
import type { Cut } from "./frames.ts";
import type { Libc } from "./libc.ts";

/** Do not wait; and a connection that is gone is an error, not a signal. */
const SEND_FLAGS = 0x40 | 0x4000;
const RECEIVE_FLAGS = 0x40;

const NOTHING = new Uint8Array(0);

/** What a wire wants to be told of. */
export interface Interest {
  readable: boolean;
  writable: boolean;
}

/** What the wires of a process share. */
export interface Shared {
  libc: Libc;
  /** Bytes of the read that is being looked at, in front of them what an earlier one left of a frame. */
  input: Uint8Array;
  /** Is told when a wire's {@link Interest} changed. */
  changed(wire: Wire): void;
}

/** One connection. What arrives goes to `cut` as soon as it is read. */
export class Wire {
  /** Told once when the server has closed the connection. */
  onClose: () => void = () => {};
  readonly interest: Interest = { readable: true, writable: false };
  /** Takes whole frames off what has arrived. */
  cut: Cut;
  #unsent: Uint8Array = NOTHING;
  #rest: Uint8Array = NOTHING;
  #restLength = 0;

  constructor(readonly fd: number, private readonly shared: Shared, cut: Cut) {
    this.cut = cut;
  }

  /** Bytes that the kernel has not taken yet. */
  get writableLength(): number {
    return this.#unsent.length;
  }

  /** Sends bytes, which are borrowed for the call only. */
  write(bytes: Uint8Array): void {
    if (this.#unsent.length > 0) return this.#later(bytes);
    const sent = this.#send(bytes);
    if (sent < bytes.length) this.#later(bytes.subarray(sent));
  }

  /** Reads no more. */
  pause(): void {
    this.interest.readable = false;
    this.shared.changed(this);
  }

  /** Reads again. */
  resume(): void {
    this.interest.readable = true;
    this.shared.changed(this);
  }

  /** The kernel takes bytes again. */
  writable(): void {
    const sent = this.#send(this.#unsent);
    this.#unsent = this.#unsent.slice(sent);
    if (this.#unsent.length > 0) return;
    this.interest.writable = false;
    this.shared.changed(this);
  }

  /** Reads once, into the shared input. @returns false when the connection has ended. */
  readable(now: () => void): boolean {
    const { shared } = this;
    // At least as much room as there is of a frame already: reading a long one must not take a read for each byte.
    if (this.#restLength * 2 > shared.input.length) shared.input = new Uint8Array(shared.input.length * 2);
    const { libc, input } = shared;
    const held = this.#restLength;
    if (held > 0) input.set(held === this.#rest.length ? this.#rest : this.#rest.subarray(0, held));
    const got = libc.recv(this.fd, libc.address(input) + held, input.length - held, RECEIVE_FLAGS);
    if (got <= 0) return got < 0;
    now();
    const end = held + got;
    this.#keep(input, this.cut(input, 0, end), end);
    return true;
  }

  #keep(input: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.#restLength = length;
    if (length === 0) return;
    if (length > this.#rest.length) {
      this.#rest = new Uint8Array(Math.max(length, this.#rest.length * 2, 4096));
    }
    this.#rest.set(input.subarray(from, to));
  }

  /** Sends what the kernel takes now; a connection that is gone takes nothing and is told of by its close. */
  #send(bytes: Uint8Array): number {
    const { libc } = this.shared;
    return Math.max(0, libc.send(this.fd, libc.address(bytes), bytes.length, SEND_FLAGS));
  }

  #later(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#unsent.length + bytes.length);
    all.set(this.#unsent);
    all.set(bytes, this.#unsent.length);
    this.#unsent = all;
    this.interest.writable = true;
    this.shared.changed(this);
  }
}

/**
 * The calls that a wire makes, over memory: what is sent is kept, what is to be received is given out.
 *
 * @module
 */
import type { Libc } from "../../bench/load/libc.ts";
import type { Shared, Wire } from "../../bench/load/wire.ts";

/** A kernel with one socket. */
export class FakeKernel implements Shared {
  input: Uint8Array = new Uint8Array(64);
  /** All that was taken from the wire. */
  readonly sent: number[] = [];
  /** Bytes that it takes before it is full. */
  room = Infinity;
  /** What arrives, a read each. */
  readonly arriving: Uint8Array[] = [];
  changes = 0;
  readonly #addressed: Uint8Array[] = [];
  readonly libc: Libc;

  constructor() {
    const never = () => {
      throw new Error("a wire does not call this");
    };
    this.libc = {
      socket: never,
      connect: never,
      setsockopt: never,
      close: never,
      epoll_create1: never,
      epoll_ctl: never,
      epoll_wait: never,
      timerfd_create: never,
      timerfd_settime: never,
      read: never,
      usleep: never,
      address: (memory) => this.#address(memory as Uint8Array),
      send: (_, at, length) => this.#send(at, length),
      recv: (_, at, length) => this.#receive(at, length),
    };
  }

  changed(_: Wire): void {
    this.changes++;
  }

  /** Addresses are far enough apart to tell which memory one lies in. */
  #address(memory: Uint8Array): number {
    return (this.#addressed.push(memory) - 1) * 1e6;
  }

  #send(at: number, length: number): number {
    const taken = Math.min(length, this.room);
    this.sent.push(...this.#addressed[Math.floor(at / 1e6)]!.subarray(at % 1e6, at % 1e6 + taken));
    this.room -= taken;
    return taken === 0 ? -1 : taken;
  }

  #receive(at: number, length: number): number {
    const next = this.arriving.shift();
    if (!next) return -1;
    const part = next.subarray(0, length);
    this.#addressed[Math.floor(at / 1e6)]!.set(part, at % 1e6);
    if (part.length < next.length) this.arriving.unshift(next.subarray(length));
    return part.length;
  }
}

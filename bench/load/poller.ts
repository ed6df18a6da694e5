/**
 * Serves all sockets of the generator with one `epoll`, in turns of a millisecond between which the runtime's own
 * loop runs.
 *
 * @module
 */
import process from "node:process";
import type { Cut } from "./frames.ts";
import { GATHER_MS, Gathering } from "./gather.ts";
import { type Libc, openLibc } from "./libc.ts";
import { type Shared, Wire } from "./wire.ts";

const AF_INET = 2, SOCK_STREAM = 1;
const IPPROTO_TCP = 6, TCP_NODELAY = 1;
const ADD = 1, REMOVE = 2, MODIFY = 3;
const IN = 1, OUT = 4, ERROR = 8, HANG_UP = 16;
const CLOCK_MONOTONIC = 1;

/** Length of `struct epoll_event`, which is packed on x86-64 and aligned elsewhere. */
const EVENT_BYTES = process.arch === "x64" ? 12 : 16;
const EVENT_DATA = EVENT_BYTES - 8;

/** Events taken at a time. */
const EVENTS = 512;

/** Time from tick to tick, in nanoseconds. */
const TICK_NS = 1_000_000;

/** Wait for the next event, the tick at the latest. */
const UNTIL_TICK = -1;

/** Room for a read: a dashboard's batch of some milliseconds, and little enough to stay in the core's cache. */
const INPUT_BYTES = 262_144;

/** All sockets of a process. */
export class Poller implements Shared {
  input: Uint8Array = new Uint8Array(INPUT_BYTES);
  /** When the bytes that are looked at were read, as `performance.now()` has it. */
  readMs = 0;
  /** Connections that servers have closed. */
  closed = 0;
  /** Called each millisecond, or once as soon as possible when that was missed. */
  onTick: () => void = () => {};
  /** Called after each round of reads; says whether it has more to do at once. */
  onRound: () => boolean = () => false;
  readonly #epoll: number;
  readonly #timer: number;
  readonly #wires = new Map<number, Wire>();
  readonly #events = new Uint8Array(EVENTS * EVENT_BYTES);
  readonly #view = new DataView(this.#events.buffer);
  readonly #event = new Uint8Array(EVENT_BYTES);
  readonly #expired = new Uint8Array(8);
  readonly #gathering = new Gathering();
  #roundMs = 0;
  #more = false;

  constructor(readonly libc: Libc) {
    this.#epoll = libc.epoll_create1(0);
    this.#timer = libc.timerfd_create(CLOCK_MONOTONIC, 0);
    // struct itimerspec: interval and first expiry, each in seconds and nanoseconds.
    const times = new Int32Array([0, 0, TICK_NS, 0, 0, 0, TICK_NS, 0]);
    if (libc.timerfd_settime(this.#timer, 0, times, null) !== 0) throw new Error("timerfd_settime failed");
    this.#control(ADD, this.#timer, IN);
    this.#turn();
  }

  /** Connects to an IPv4 address. @throws when nobody listens there. */
  connect(host: string, port: number, cut: Cut): Wire {
    const { libc } = this;
    const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
    const address = new Uint8Array(16);
    address.set([AF_INET, 0, port >> 8, port & 0xff, ...host.split(".").map(Number)]);
    if (libc.connect(fd, address, address.length) !== 0) throw new Error(`cannot connect to ${host}:${port}`);
    libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, Int32Array.of(1), 4);
    const wire = new Wire(fd, this, cut);
    this.#wires.set(fd, wire);
    this.#control(ADD, fd, IN);
    return wire;
  }

  changed({ fd, interest }: Wire): void {
    if (!this.#wires.has(fd)) return;
    this.#control(MODIFY, fd, (interest.readable ? IN : 0) | (interest.writable ? OUT : 0));
  }

  #control(operation: number, fd: number, events: number): void {
    const view = new DataView(this.#event.buffer);
    view.setUint32(0, events, true);
    view.setUint32(EVENT_DATA, fd, true);
    if (this.libc.epoll_ctl(this.#epoll, operation, fd, this.#event) !== 0) {
      throw new Error(`epoll_ctl of socket ${fd} failed`);
    }
  }

  readonly #now = (): void => {
    this.readMs = performance.now();
  };

  /** Serves until the tick, then lets the runtime look after timers and promises. */
  readonly #turn = (): void => {
    for (let ticked = false; !ticked;) {
      ticked = this.#round();
      this.#more = this.onRound();
    }
    this.onTick();
    setImmediate(this.#turn);
  };

  /** One round: what is ready is read and written. @returns whether it was time for a tick. */
  #round(): boolean {
    const { libc } = this;
    const count = this.#wait();
    let ticked = false;
    for (let i = 0; i < count; i++) {
      const events = this.#view.getUint32(i * EVENT_BYTES, true);
      const fd = this.#view.getUint32(i * EVENT_BYTES + EVENT_DATA, true);
      if (fd === this.#timer) {
        libc.read(fd, this.#expired, this.#expired.length);
        ticked = true;
        continue;
      }
      const wire = this.#wires.get(fd);
      if (!wire) continue;
      if (events & OUT) wire.writable();
      const alive = (events & IN) === 0 || wire.readable(this.#now);
      if (!alive || (events & (ERROR | HANG_UP)) !== 0) this.#close(wire);
    }
    return ticked;
  }

  /** Waits for events. */
  #wait(): number {
    const { libc } = this;
    const fromMs = performance.now();
    const earlyMs = this.#gathering.on && !this.#more ? GATHER_MS - (fromMs - this.#roundMs) : 0;
    if (earlyMs > 0) libc.usleep(Math.ceil(earlyMs * 1_000));
    const count = libc.epoll_wait(this.#epoll, this.#events, EVENTS, this.#more ? 0 : UNTIL_TICK);
    this.#roundMs = performance.now();
    this.#gathering.waited(this.#roundMs, this.#roundMs - fromMs);
    return count;
  }

  #close(wire: Wire): void {
    this.#control(REMOVE, wire.fd, 0);
    this.#wires.delete(wire.fd);
    this.libc.close(wire.fd);
    this.closed++;
    wire.onClose();
  }
}

let only: Promise<Poller> | undefined;

/** The poller of this process. */
export function poller(): Promise<Poller> {
  return only ??= openLibc().then((libc) => new Poller(libc));
}

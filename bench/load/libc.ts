/**
 * The few calls of Linux that sockets take, by way of Bun's foreign function interface: one system call for each
 * read and write and nothing else, so that the generator measures servers and not the streams on its own side.
 *
 * @module
 */

/** Memory that a call reads or writes. */
type Memory = Uint8Array | Int32Array;

/** What of libc is called. Each returns -1 where it fails. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  connect(fd: number, address: Memory, length: number): number;
  setsockopt(fd: number, level: number, name: number, value: Memory, length: number): number;
  /** `at` is an address, see {@link Libc.address}. */
  send(fd: number, at: number, length: number, flags: number): number;
  recv(fd: number, at: number, length: number, flags: number): number;
  close(fd: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: Memory): number;
  epoll_wait(epoll: number, events: Memory, most: number, timeoutMs: number): number;
  timerfd_create(clock: number, flags: number): number;
  timerfd_settime(fd: number, flags: number, times: Memory, former: null): number;
  read(fd: number, into: Memory, length: number): number;
  usleep(microseconds: number): number;
  /** Where memory lies; it must stay alive while the address is used. */
  address(memory: Memory): number;
}

/** Names and types of the calls, as `dlopen` wants them. */
const CALLS = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64_fast" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64_fast" },
  close: { args: ["i32"], returns: "i32" },
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  timerfd_create: { args: ["i32", "i32"], returns: "i32" },
  timerfd_settime: { args: ["i32", "i32", "ptr", "ptr"], returns: "i32" },
  read: { args: ["i32", "ptr", "u64"], returns: "i64_fast" },
  usleep: { args: ["u32"], returns: "i32" },
};

/** The part of `bun:ffi` that is used, declared here so that the program type-checks without Bun's own types. */
interface BunFfi {
  dlopen(library: string, calls: typeof CALLS): { symbols: Omit<Libc, "address"> };
  ptr(memory: Memory): number;
}

/** A name that a type checker does not follow. */
const FFI: string = "bun:ffi";

/** Opens libc. @throws anywhere but on Bun on Linux. */
export async function openLibc(): Promise<Libc> {
  const { dlopen, ptr }: BunFfi = await import(FFI);
  const { symbols } = dlopen("libc.so.6", CALLS);
  return { ...symbols, address: ptr };
}

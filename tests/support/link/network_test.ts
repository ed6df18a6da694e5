/** The link emulator does what its profile says, measured from inside its namespaces. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { networkTest } from "./network_case.ts";
import { Network, type Side } from "./network.ts";

/**
 * Sends numbered datagrams to itself through the other side's echo until all are back, one was faster than it is told,
 * or nothing has gone or come for so long; prints round trips in the order of their numbers, and for how long it sent.
 */
const PROBE = `
import socket, sys, time, json
where, (count, size), (gap, patience, below) = sys.argv[1], map(int, sys.argv[2:4]), map(float, sys.argv[4:7])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((where, 9)); s.setblocking(False)
sent, trips, start = {}, {}, time.monotonic()
last = start
while len(trips) < count and time.monotonic() < last + patience:
    while len(sent) < count and time.monotonic() >= start + len(sent) * gap:
        last = sent[len(sent)] = time.monotonic(); s.send(b"%08d" % (len(sent) - 1) + bytes(size - 8))
    try:
        n = int(s.recv(2000)[:8]); last = time.monotonic(); trips.setdefault(n, (last - sent[n]) * 1000)
        if trips[n] < below: break
    except OSError:
        time.sleep(0.0005)
print(json.dumps({"trips": [trips[n] for n in sorted(trips)], "sendingMs": (max(sent.values()) - start) * 1000}))
`;

const ECHO = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 9)); s.settimeout(600)
print("ready", flush=True)
while True:
    data, who = s.recvfrom(2000); s.sendto(data, who)
`;

async function echo(side: Side): Promise<AsyncDisposable> {
  const { program, args } = side.command("/usr/bin/python3", ["-c", ECHO]);
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "null" }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

/** What to send. */
interface Probe {
  count: number;
  bytes?: number;
  /** Between two; 0 sends all at once. */
  gapS?: number;
  /** Long where all must come back: a machine may be busy. */
  patienceS?: number;
  /** Enough once a round trip was shorter than this. */
  belowMs?: number;
}

async function probe(from: Side, to: Side, { count, bytes = 100, gapS = 0.001, ...more }: Probe) {
  const { patienceS = 20, belowMs = 0 } = more;
  const numbers = [count, bytes, gapS, patienceS, belowMs].map(String);
  const said = await from.run("/usr/bin/python3", ["-c", PROBE, to.address, ...numbers]);
  return JSON.parse(said) as { trips: number[]; sendingMs: number };
}

networkTest("a link delays, jitters, drops, limits the rate and is cut", async () => {
  await using network = await Network.start(["a", "b"], { delayMs: 20 });
  const [a, b] = [network.side("a"), network.side("b")];
  await using _echo = await echo(b);

  const { trips: delayed } = await probe(a, b, { count: 20, gapS: 0.005 });
  assertEquals(delayed.length, 20);
  assert(Math.min(...delayed) >= 40, `a round trip of ${Math.min(...delayed)} ms over 2 x 20 ms`);

  await network.set({ jitterMs: 10 });
  const { trips: jittered } = await probe(a, b, { count: 1_000, gapS: 0.02, belowMs: 38 });
  assert(Math.min(...jittered) < 38, `no round trip below 38 ms with a jitter of 10 ms: ${jittered}`);

  await network.set({ delayMs: 0, jitterMs: 0, loss: 0.2 });
  const { trips: kept } = await probe(a, b, { count: 500, patienceS: 2 });
  // 64 % come back on average; five standard deviations are 11 %
  assert(kept.length > 265 && kept.length < 375, `${kept.length} of 500 came back over 2 x 20 % of loss`);

  await network.set({ loss: 0, bitsPerSecond: 1_000_000, bufferBytes: 10_000 });
  const burst = { count: 50, bytes: 1_000, gapS: 0, patienceS: 2 };
  const { trips: limited, sendingMs } = await probe(a, b, burst);
  // 1,028 bytes take 8.2 ms; ten of them fit into the buffer, the others are dropped
  const most = 12 + sendingMs / 8;
  assert(limited.length >= 8 && limited.length < most, `${limited.length} of 50 passed a buffer for ten`);
  assert(Math.max(...limited) > 50, `none waited longer than ${Math.max(...limited)} ms behind the others`);

  const none = { count: 5, patienceS: 1 };
  await network.set({ bitsPerSecond: 0, cut: true });
  assertEquals((await probe(a, b, none)).trips, []);
  await network.set({ cut: false });
  assertEquals((await probe(a, b, { count: 5 })).trips.length, 5);

  await b.blockUdp(true);
  assertEquals((await probe(a, b, none)).trips, []);
  await b.blockUdp(false);
  assertEquals((await probe(a, b, { count: 5 })).trips.length, 5);
});

networkTest("a network is gone when it was disposed", async () => {
  const network = await Network.start(["a", "b", "c"]);
  const side = network.side("c");
  assertEquals(side.address, "10.77.0.3");
  await side.run("true", []);
  await network[Symbol.asyncDispose]();
  await assertRejects(() => side.run("true", []), Error, "nsenter");
});

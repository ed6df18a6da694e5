/** The link emulator does what its profile says, measured from inside its namespaces. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { networkTest } from "./network_case.ts";
import { Network, type Side } from "./network.ts";

/** Sends numbered datagrams to itself through the other side's echo; prints round trips in ms by number. */
const PROBE = `
import socket, sys, time, json
count, gap, size = int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], 9)); s.setblocking(False)
sent, trips, start = {}, {}, time.monotonic()
end = start + count * gap + 1
while time.monotonic() < end and len(trips) < count:
    now = time.monotonic()
    if len(sent) < count and now >= start + len(sent) * gap:
        s.send(b"%08d" % len(sent) + bytes(size - 8)); sent[len(sent)] = now
    try:
        n = int(s.recv(2000)[:8]); trips.setdefault(n, (time.monotonic() - sent[n]) * 1000)
    except OSError:
        time.sleep(0.0005)
print(json.dumps([trips[n] for n in sorted(trips)]))
`;

const ECHO = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 9)); s.settimeout(30)
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

async function trips(from: Side, to: Side, count: number, gapS: number, bytes = 100): Promise<number[]> {
  const args = ["-c", PROBE, to.address, `${count}`, `${gapS}`, `${bytes}`];
  return JSON.parse(await from.run("/usr/bin/python3", args));
}

networkTest("a link delays, jitters, drops, limits the rate and is cut", async () => {
  await using network = await Network.start(["a", "b"], { delayMs: 20 });
  const [a, b] = [network.side("a"), network.side("b")];
  await using _echo = await echo(b);

  const delayed = await trips(a, b, 20, 0.005);
  assertEquals(delayed.length, 20);
  assert(Math.min(...delayed) >= 40, `a round trip of ${Math.min(...delayed)} ms over 2 x 20 ms`);

  await network.set({ jitterMs: 10 });
  const jittered = await trips(a, b, 50, 0.02);
  assert(Math.min(...jittered) < 38, `no round trip below 38 ms with a jitter of 10 ms: ${jittered}`);

  await network.set({ delayMs: 0, jitterMs: 0, loss: 0.2 });
  const kept = await trips(a, b, 500, 0.001);
  // 64 % come back on average; five standard deviations are 11 %
  assert(kept.length > 265 && kept.length < 375, `${kept.length} of 500 came back over 2 x 20 % of loss`);

  await network.set({ loss: 0, bitsPerSecond: 1_000_000, bufferBytes: 10_000 });
  const limited = await trips(a, b, 50, 0.0001, 1_000);
  // 1,028 bytes take 8.2 ms; ten of them fit into the buffer, the others are dropped
  assert(limited.length >= 8 && limited.length < 30, `${limited.length} of 50 passed a buffer for ten`);
  assert(limited.at(-1)! > 50, `the last waited ${limited.at(-1)} ms behind the others`);

  await network.set({ bitsPerSecond: 0, cut: true });
  assertEquals(await trips(a, b, 5, 0.001), []);
  await network.set({ cut: false });
  assertEquals((await trips(a, b, 5, 0.001)).length, 5);

  await b.blockUdp(true);
  assertEquals(await trips(a, b, 5, 0.001), []);
  await b.blockUdp(false);
  assertEquals((await trips(a, b, 5, 0.001)).length, 5);
});

networkTest("a network is gone when it was disposed", async () => {
  const network = await Network.start(["a", "b", "c"]);
  const side = network.side("c");
  assertEquals(side.address, "10.77.0.3");
  await side.run("true", []);
  await network[Symbol.asyncDispose]();
  await assertRejects(() => side.run("true", []), Error, "nsenter");
});

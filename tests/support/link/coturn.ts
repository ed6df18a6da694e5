/**
 * Debian's coturn on one side of a network.
 *
 * @module
 */
import type { Side } from "./network.ts";

/** Where it listens. */
export const TURN_PORT = 3478;

/** Its threads now and then block each other while it starts, and it stays deaf; then it is started again. */
const ATTEMPTS = 4;

/** Asks for a STUN binding until there is an answer, for two seconds (RFC 8489 section 5). */
const PROBE = `
import os, socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.2)
for _ in range(10):
    s.sendto(struct.pack("!HHI", 1, 0, 0x2112A442) + os.urandom(12), (sys.argv[1], int(sys.argv[2])))
    try:
        s.recv(2000); sys.exit(0)
    except OSError:
        pass
sys.exit(1)
`;

/** A running coturn. */
export interface Coturn extends AsyncDisposable {
  /** What it has logged. */
  log(): string;
}

/**
 * Starts coturn with credentials that expire, made from `secret`.
 *
 * @throws with its log when it does not answer.
 */
export async function startCoturn(side: Side, secret: string): Promise<Coturn> {
  for (let attempt = 1;; attempt++) {
    const coturn = await start(side, secret);
    try {
      await side.run("/usr/bin/python3", ["-c", PROBE, side.address, `${TURN_PORT}`]);
      return coturn;
    } catch (error) {
      await coturn[Symbol.asyncDispose]();
      if (attempt === ATTEMPTS) throw new Error(`coturn does not answer:\n${coturn.log()}`, { cause: error });
    }
  }
}

async function start(side: Side, secret: string): Promise<Coturn> {
  const folder = await Deno.makeTempDir({ prefix: "tidegate-turn-" });
  const config = [
    `listening-ip=${side.address}`,
    `relay-ip=${side.address}`,
    `listening-port=${TURN_PORT}`,
    "use-auth-secret",
    `static-auth-secret=${secret}`,
    "realm=tidegate.test",
    "no-tls",
    "no-dtls",
    "no-cli",
    "log-file=stdout",
    "simple-log",
    `userdb=${folder}/users`,
    `pidfile=${folder}/pid`,
  ];
  await Deno.writeTextFile(`${folder}/turn.conf`, config.join("\n"));
  const { program, args } = side.command("turnserver", ["-c", `${folder}/turn.conf`, "-v"]);
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "null" }).spawn();
  let log = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) log += decoder.decode(bytes, { stream: true });
  })();
  return {
    log: () => log,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reading;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { stat } from "node:fs/promises";
import { eachForm, uniqueName } from "../support/each_form.ts";
import type { Form } from "../support/forms.ts";
import { type GatewayProcess, runCommand } from "../support/gateway_process.ts";
import { DashboardPeer } from "../support/peer.ts";

/** Runs a command that must go well and prints JSON. */
async function json<T>(form: Form, args: string[]): Promise<T> {
  const { code, stdout, stderr } = await runCommand(form, [...args, "--json"]);
  assertEquals([code, stderr], [0, ""], args.join(" "));
  return JSON.parse(stdout) as T;
}

/** A command that goes on until it is told to stop; what it says on stderr is read line by line. */
class LongCommand {
  #text = "";
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async start(form: Form, args: string[]): Promise<LongCommand> {
    const { program, args: before, cwd, env } = await form.command();
    const options = { cwd, env, clearEnv: true, stdin: "null", stdout: "null", stderr: "piped" } as const;
    return new LongCommand(new Deno.Command(program, { args: [...before, ...args], ...options }).spawn());
  }

  /** Reads on until `pattern` is there. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found) return found;
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`it ended without saying ${pattern}; it said:\n${this.#text}`);
      this.#text += value;
    }
  }

  /** Sends SIGTERM; the exit code. */
  async stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    const { code } = await this.#child.status;
    await this.#reader.cancel();
    return code;
  }
}

interface Topics {
  topics: { topic: string }[];
}

async function get<T>(gateway: GatewayProcess, path: string): Promise<T> {
  const response = await fetch(gateway.url + path, { headers: { authorization: `Bearer ${gateway.token}` } });
  return await response.json() as T;
}

eachForm(({ form, test, alone }) => {
  test("a device that is added, listed and revoked is known to the gateway at each step", async (gateway) => {
    const name = uniqueName("pump");
    const at = ["--data", gateway.data];
    const { device, token } = await json<{ device: string; token: string }>(form, [
      "device",
      "add",
      name,
      ...at,
    ]);
    assertEquals(device, name);
    assertMatch(token, /^tg_/);
    const twice = await runCommand(form, ["device", "add", name, ...at]);
    assertEquals([twice.code, twice.stdout], [1, ""]);
    assertStringIncludes(twice.stderr, `device ${name} exists already`);
    await json(form, ["device", "revoke", name, ...at]);
    const { devices } = await json<{ devices: { name: string; revokedAt: string | null }[] }>(
      form,
      ["device", "list", ...at],
    );
    assert(devices.find((known) => known.name === name)?.revokedAt);
  });

  test("a token works over --url until it is revoked, and then exits with 4", async (gateway) => {
    const at = ["--data", gateway.data];
    const { token, info } = await json<{ token: string; info: { id: string } }>(
      form,
      ["token", "create", "--role", "operator", ...at],
    );
    const over = ["--url", gateway.url, "--token", token];
    await json(form, ["token", "list", ...over]);
    await json(form, ["token", "revoke", info.id, ...at]);
    const { code, stderr } = await runCommand(form, ["token", "list", ...over]);
    assertEquals(code, 4, stderr);
    assertEquals(stderr.trim().split("\n").length, 1);
  });

  test("simulated devices have every event confirmed, and leave as they should", async (gateway) => {
    const prefix = uniqueName("sim");
    const counts = await json<{ sent: number; acked: number; failed: number }>(form, [
      "simulate",
      ...["--devices", "3", "--rate", "20", "--class", "event", "--duration", "1s", "--prefix", prefix],
      ...["--data", gateway.data],
    ]);
    assertEquals(counts, { ...counts, sent: 60, acked: 60, failed: 0 });
    const { sessions } = await json<{ sessions: { id: string; endReason: string; samplesIn: number }[] }>(
      form,
      ["sessions", "list", "--device", `${prefix}-1`, "--data", gateway.data],
    );
    assertEquals(sessions.map(({ endReason }) => endReason), ["normal"]);
    const { points } = await json<{ points: { value: number }[] }>(form, [
      ...["sessions", "samples", sessions[0]!.id, `${prefix}-1/value`, "--downsample", "none"],
      ...["--data", gateway.data],
    ]);
    assertEquals(points.length, sessions[0]!.samplesIn);
  });

  test("an agent without a token asks, shows its code, and streams once it is approved", async (gateway) => {
    const name = uniqueName("host");
    const state = `${gateway.data}/${name}.json`;
    const agent = await LongCommand.start(form, [
      ...["agent", "--url", gateway.url, "--device", name, "--state", state],
    ]);
    const [, code] = await agent.says(/device approve (\S+)/);
    const approved = await json(form, ["device", "approve", code!, "--data", gateway.data]);
    assertEquals(approved, { device: name, status: "approved" });
    await agent.says(new RegExp(`Streaming as ${name}`));
    assertEquals(await agent.stop(), 0);
    assertEquals((await stat(state)).mode & 0o777, 0o600);
    const again = await LongCommand.start(form, [
      ...["agent", "--url", gateway.url, "--device", name, "--state", state],
    ]);
    await again.says(new RegExp(`Streaming as ${name}`));
    // A processor's share is the difference of two readings, so it comes after all others.
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    await dashboard.until(() => dashboard.announced(`${name}/cpu/0`), "the processors' topics");
    await dashboard.leave();
    assertEquals(await again.stop(), 0);
    const { topics } = await get<Topics>(gateway, "/v1/topics");
    const theirs = topics.map(({ topic }) => topic).filter((topic) => topic.startsWith(`${name}/`));
    for (const topic of ["cpu/0", "memory", "load", "uptime", "agent/events"]) {
      assert(theirs.includes(`${name}/${topic}`), `${topic} is missing in ${theirs.join(", ")}`);
    }
  });

  test("doctor finds nothing wrong with a gateway that runs", async (gateway) => {
    const { findings } = await json<{ findings: { check: string; status: string; message: string }[] }>(
      form,
      ["doctor", "--data", gateway.data, "--listen", new URL(gateway.url).host],
    );
    assertEquals(findings.filter(({ status }) => status === "fail"), []);
    assertStringIncludes(
      findings.find(({ check }) => check === "port")?.message ?? "",
      "by the gateway that runs",
    );
  });

  test("a second gateway over the same folder is refused in one line", async (gateway) => {
    const { code, stderr } = await runCommand(form, ["--data", gateway.data, "--listen", "127.0.0.1:0"]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `a gateway already runs over ${gateway.data} (process ${gateway.pid}`);
  });

  alone("commands work the same while no gateway runs, and after it was killed", async (start) => {
    const first = await start({ args: ["--agent"] });
    const at = ["--data", first.data];
    await json(form, ["device", "add", "before", ...at]);
    const sessions = () => json<{ sessions: { endReason: string }[] }>(form, ["sessions", "list", ...at]);
    while ((await sessions()).sessions.length === 0); // the agent connects once the gateway listens
    await first.kill();
    await json(form, ["device", "add", "between", ...at]);
    const { devices } = await json<{ devices: { name: string }[] }>(form, ["device", "list", ...at]);
    const names = devices.map(({ name }) => name);
    assert(names.includes("before") && names.includes("between"), names.join(", "));
    assertEquals((await sessions()).sessions.map(({ endReason }) => endReason), ["crashed"]);
  });

  alone("events are confirmed again after a restart, on topics that were there before", async (start) => {
    let gateway = await start();
    for (let run = 0; run < 2; run++) {
      const counts = await json<{ sent: number; acked: number }>(form, [
        ...["simulate", "--devices", "1", "--class", "event", "--duration", "1s", "--data", gateway.data],
      ]);
      assertEquals([counts.sent > 0, counts.acked], [true, counts.sent], `run ${run}`);
      await gateway.stop();
      if (run === 0) gateway = await start({ data: gateway.data });
    }
  });

  alone(
    "agent and commands reach a gateway that signed its own certificate, those that trust it",
    async (start) => {
      const gateway = await start({ args: ["--agent", "--tls", "auto"] });
      // It connects while the gateway is announced already; each look is a program of its own, so this is no hurry.
      let online = false;
      for (let look = 0; look < 50 && !online; look++) {
        const { devices } = await json<{ devices: { name: string; online: boolean }[] }>(form, [
          ...["device", "list", "--data", gateway.data],
        ]);
        online = devices[0]?.online ?? false;
      }
      assert(online, gateway.diagnosis());
      const ca = `${gateway.data}/ca.pem`;
      await Deno.writeTextFile(ca, gateway.certificate!);
      const over = ["device", "list", "--url", gateway.url, "--token", gateway.token];
      await json(form, [...over, "--ca", ca]);
      const { code, stderr } = await runCommand(form, over);
      assertEquals(code, 3, stderr);
      await gateway.stop();
    },
  );
});

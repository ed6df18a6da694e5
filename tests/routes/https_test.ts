import { assert, assertEquals } from "@std/assert";
import { makeSelfSigned } from "../../access/self_signed.ts";
import { MAX_PAYLOAD_BYTES } from "../../protocol/limits.ts";
import { currentRuntime } from "../../runtime/mod.ts";
import { json, testApp } from "./support.ts";

type Send = (path: string, init?: RequestInit) => Promise<Response>;

/** Serves the application as the gateway does, and talks to it over TLS. */
async function overHttps(run: (t: ReturnType<typeof testApp>, origin: string, send: Send) => Promise<void>) {
  const t = testApp({ secure: true });
  const tls = await makeSelfSigned(["localhost", "127.0.0.1"], Date.now());
  const server = await currentRuntime().serve({
    hostname: "127.0.0.1",
    port: 0,
    tls,
    maxMessageBytes: 65_536,
    fetch: (request, { remote }) => t.app.fetch(request, { remote }),
    upgrade: () => new Response(null, { status: 400 }),
    onFault: (error, where) => t.services.fault(where, error),
  });
  const client = Deno.createHttpClient({ caCerts: [tls.cert] });
  const origin = `https://127.0.0.1:${server.port}`;
  try {
    await run(t, origin, (path, init) => fetch(origin + path, { ...init, client }));
  } finally {
    client.close();
    await server.stop(0);
  }
}

Deno.test("over HTTPS the page's own changes pass and foreign ones do not", () =>
  overHttps(async (t, origin, send) => {
    const { token } = t.access.tokens.ephemeral({ role: "operator" });
    const login = await send("/v1/login", json({ token }));
    await login.body?.cancel();
    const cookie = login.headers.get("set-cookie")!.split(";")[0]!;
    const add = async (name: string, from: string) => {
      const headers = { "content-type": "application/json", cookie, origin: from };
      const response = await send("/v1/devices", { ...json({ name }), headers });
      await response.body?.cancel();
      return response.status;
    };
    assertEquals(await add("a", origin), 201);
    assertEquals(await add("b", "https://127.0.0.1:1"), 403);
    assertEquals(await add("b", origin.replace("https", "http") + "0"), 403);
  }));

Deno.test("a client that is still sending gets the answer that refuses it", () =>
  overHttps(async (t, _, send) => {
    const body = new Uint8Array(8 * MAX_PAYLOAD_BYTES);
    const headers = t.bearer({ role: "operator" });
    const refused = await send("/v1/topics/pump/speed", { method: "POST", body, headers });
    assertEquals([refused.status, (await refused.json()).status], [413, 413]);
    const stranger = await send("/v1/topics/pump/speed", { method: "POST", body });
    assertEquals([stranger.status, (await stranger.json()).status], [401, 401]);
    assert(t.seen.faults.length === 0);
  }));

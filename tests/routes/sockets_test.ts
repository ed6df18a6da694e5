import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Principal } from "../../hub/access.ts";
import { decideHandshake, type DeviceMode, type TurnedDown } from "../../routes/sockets.ts";
import type { Accept } from "../../transport/transport.ts";
import { testAccess } from "../access/support.ts";
import { testApp } from "./support.ts";

/** What a handshake comes to: a refusal's status, or who is let in, how, and the subprotocol confirmed. */
async function handshakes(enrolment = true) {
  const access = testAccess({ allowedOrigins: ["https://ops.example.org"] });
  const { token: device } = await access.devices.add("pump");
  const { token: dashboard } = await access.tokens.create({ role: "dashboard" });
  const { token: operator } = await access.tokens.create({ role: "operator" });
  const met: { as: string; principal?: Principal | undefined; mode?: DeviceMode }[] = [];
  const accept: Accept = () => ({ binary() {}, text() {}, closed() {} });
  const decide = (path: string, headers: Record<string, string> = {}): unknown => {
    met.length = 0;
    const request = new Request(`http://gw.local${path}`, { headers: { host: "gw.local", ...headers } });
    const result = decideHandshake(request, "10.0.0.9:1", {
      gate: access.gate,
      enrolment,
      device: (principal, mode) => (met.push({ as: "device", principal, mode }), accept),
      dashboard: (principal) => (met.push({ as: "dashboard", principal }), accept),
    });
    if (result instanceof Response) return result.status;
    const [{ as, principal, mode } = { as: "nobody" }] = met;
    return [as, principal?.role, mode, result.protocol].filter((part) => part !== undefined).join(" ");
  };
  return { access, decide, device, dashboard, operator };
}

const V1 = { "sec-websocket-protocol": "tidegate.v1" };

/** As a browser presents a token. */
function offered(token: string): Record<string, string> {
  return { "sec-websocket-protocol": `tidegate.v1, tidegate.token.${token}` };
}

Deno.test("each role has its own endpoint, and the token is never confirmed as a subprotocol", async () => {
  const { decide, device, dashboard, operator } = await handshakes();
  assertEquals(decide("/v1/device", offered(device)), "device device protocol tidegate.v1");
  assertEquals(decide("/v1/live", offered(dashboard)), "dashboard dashboard tidegate.v1");
  assertEquals(decide("/v1/live", offered(operator)), "dashboard operator tidegate.v1");
  assertEquals(decide("/v1/live", offered(device)), 403);
  assertEquals(decide("/v1/device", offered(dashboard)), 403);
  assertEquals(decide("/v1/device", offered(operator)), 403);
});

Deno.test("a device that offers no subprotocol speaks raw, with a token all the same", async () => {
  const { decide, device, dashboard } = await handshakes();
  const bearer = { authorization: `Bearer ${device}` };
  assertEquals(decide("/v1/device", bearer), "device device raw");
  assertEquals(
    decide("/v1/device", { authorization: `Basic ${btoa(`pump:${device}`)}` }),
    "device device raw",
  );
  assertEquals(decide("/v1/device"), 401);
  assertEquals(decide("/v1/live", { authorization: `Bearer ${dashboard}` }), 400);
});

Deno.test("a device without a token may come to be enrolled, unless that is off or it shows a wrong one", async () => {
  const { decide } = await handshakes();
  assertEquals(decide("/v1/device", V1), "device protocol tidegate.v1");
  assertEquals(decide("/v1/live", V1), 401);
  assertEquals(decide("/v1/device", offered("wrong")), 401);
  assertEquals(decide("/v1/device", { ...V1, authorization: "Bearer a b" }), 401);
  assertEquals(decide("/v1/device", { ...V1, origin: "https://evil.org" }), 403);
  assertEquals((await handshakes(false)).decide("/v1/device", V1), 401);
});

Deno.test("pages of other origins are refused whatever they present, those allowed are not", async () => {
  const { decide, operator } = await handshakes();
  const cookie = { ...V1, cookie: `tidegate=${operator}` };
  assertEquals(
    decide("/v1/live", { ...cookie, origin: "http://gw.local" }),
    "dashboard operator tidegate.v1",
  );
  assertEquals(
    decide("/v1/live", { ...cookie, origin: "https://ops.example.org" }),
    "dashboard operator tidegate.v1",
  );
  assertEquals(decide("/v1/live", { ...cookie, origin: "http://gw.local:3000" }), 403);
  assertEquals(decide("/v1/live", cookie), 403);
  assertEquals(decide("/v1/live", { ...offered(operator), origin: "null" }), 403);
});

Deno.test("unknown paths and subprotocols, and revoked tokens, are refused", async () => {
  const { access, decide, operator } = await handshakes();
  assertEquals(decide("/v1/other", offered(operator)), 404);
  assertEquals(decide("/v1/live/", offered(operator)), 404);
  assertEquals(decide("/v1/live", { "sec-websocket-protocol": `mqtt, tidegate.token.${operator}` }), 400);
  assertEquals(
    decide("/v1/live", { "sec-websocket-protocol": `tidegate.v2, tidegate.v1, tidegate.token.${operator}` }),
    "dashboard operator tidegate.v1",
  );
  await access.tokens.revoke(access.tokens.check(operator).ok ? operator.slice(3, 13) : "");
  assertEquals(decide("/v1/live", offered(operator)), 401);
});

Deno.test("a request without a handshake is told that these are WebSocket endpoints", async () => {
  const t = testApp();
  for (const path of ["/v1/device", "/v1/live"]) {
    const response = await t.request(path);
    assertEquals([response.status, response.headers.get("upgrade")], [426, "websocket"]);
    assertStringIncludes((await response.json()).detail, path);
  }
  assert(t.seen.faults.length === 0);
});

Deno.test("whoever keeps the log is told why, and never of a token", async () => {
  const access = testAccess();
  const { token } = await access.tokens.create({ role: "dashboard" });
  const told: TurnedDown[] = [];
  const accept: Accept = () => ({ binary() {}, text() {}, closed() {} });
  const decide = async (path: string, headers: Record<string, string>) => {
    const result = decideHandshake(
      new Request(`http://gw.local${path}`, { headers: { host: "gw.local", ...headers } }),
      "10.0.0.9:1",
      {
        gate: access.gate,
        enrolment: true,
        device: () => accept,
        dashboard: () => accept,
        turnedDown: (turned) => told.push(turned),
      },
    );
    return result instanceof Response ? await result.text() : "in";
  };
  const origin = "http://shop.example.org";
  const answers = [
    await decide("/v1/live", { ...offered(token), origin }),
    await decide("/v1/live", { "sec-websocket-protocol": `tidegate.v9, tidegate.token.${token}` }),
    await decide("/v1/live", offered(`${token}x`)),
    await decide("/v1/live", offered(token)),
  ];
  assertEquals(told.map(({ status }) => status), [403, 400, 401]);
  assertEquals(told.map((turned) => turned.origin), [origin, null, null]);
  assertStringIncludes(told[0]!.detail, "--allowed-origins");
  assertStringIncludes(told[1]!.detail, "subprotocol tidegate.v9 is not spoken");
  assertEquals(answers.at(-1), "in");
  assertEquals(JSON.stringify([told, answers]).includes(token), false);
});

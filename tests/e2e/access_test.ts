/** Who is let in, and how those who are not are told. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { operator, request } from "../support/operator.ts";
import { type ConnectOptions, DashboardPeer, DevicePeer, openSocket } from "../support/peer.ts";
import { UpgradeRefused } from "../support/raw_websocket.ts";

async function refusal(
  gateway: GatewayProcess,
  path: string,
  options: ConnectOptions,
): Promise<UpgradeRefused> {
  return await assertRejects(() => openSocket(gateway, path, options), UpgradeRefused);
}

eachForm(({ test }) => {
  test("nothing is open without a token", async (gateway) => {
    assertEquals((await refusal(gateway, "/v1/live", {})).status, 401);
    assertEquals((await refusal(gateway, "/v1/live", { token: "tg_wrong" })).status, 401);
    assertEquals((await refusal(gateway, "/v1/device", { token: "tg_wrong" })).status, 401);
    for (const path of ["/v1/devices", "/v1/topics", "/v1/sessions", "/v1/tokens", "/v1/enrolments"]) {
      const answer = await fetch(gateway.url + path);
      assertEquals(answer.status, 401, path);
      assertEquals(answer.headers.get("content-type")?.split(";")[0], "application/problem+json", path);
      await answer.body?.cancel();
    }
  });

  test("a token of the wrong role is refused with 403", async (gateway) => {
    const device = await operator.addDevice(gateway, uniqueName());
    const dashboard = await operator.dashboardToken(gateway);
    assertEquals((await refusal(gateway, "/v1/device", { token: dashboard.token })).status, 403);
    assertEquals((await refusal(gateway, "/v1/live", { token: device })).status, 403);
    for (const token of [device, dashboard.token]) {
      assertEquals((await request(gateway, "GET", "/v1/tokens", undefined, token)).status, 403);
    }
  });

  test("an unknown subprotocol is refused with a status, and the known one is confirmed", async (gateway) => {
    const token = gateway.token;
    const refused = await refusal(gateway, "/v1/live", { token, protocols: ["mqtt"] });
    assertEquals(refused.status, 400);
    const several = await openSocket(gateway, "/v1/live", { token, protocols: ["mqtt", "tidegate.v1"] });
    assertEquals(several.protocol, "tidegate.v1");
    several.cut();
  });

  test("a token is taken from the subprotocol list, as browsers must send it", async (gateway) => {
    const protocols = ["tidegate.v1", `tidegate.token.${gateway.token}`];
    const socket = await openSocket(gateway, "/v1/live", { protocols });
    assertEquals(socket.protocol, "tidegate.v1", "the token must not be echoed");
    socket.cut();
  });

  test("an upgrade from a page of another origin is refused", async (gateway) => {
    const foreign = { Origin: "https://evil.example" };
    assertEquals(
      (await refusal(gateway, "/v1/live", { token: gateway.token, headers: foreign })).status,
      403,
    );
    const login = await fetch(`${gateway.url}/v1/login`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: gateway.url },
      body: JSON.stringify({ token: gateway.token }),
    });
    await login.body?.cancel();
    const cookie = login.headers.get("set-cookie") ?? "";
    assert(
      /HttpOnly/i.test(cookie) && /SameSite=Strict/i.test(cookie),
      `login answered ${login.status}: ${cookie}`,
    );
    const pair = cookie.split(";")[0]!;
    const own = await openSocket(gateway, "/v1/live", { headers: { Cookie: pair, Origin: gateway.url } });
    own.cut();
    assertEquals((await refusal(gateway, "/v1/live", { headers: { Cookie: pair, ...foreign } })).status, 403);
  });

  test("revoking a token ends its live sessions at once and for good", async (gateway) => {
    const { id, token } = await operator.dashboardToken(gateway);
    const dashboard = await DashboardPeer.connect(gateway, token);
    const bystander = await DashboardPeer.connect(gateway, gateway.token);
    await operator.revokeToken(gateway, id);
    assertEquals((await dashboard.expectEnd()).code, 4504);
    assertEquals((await refusal(gateway, "/v1/live", { token })).status, 401);
    await bystander.settle();
  });

  test("revoking a device ends its session", async (gateway) => {
    const name = uniqueName();
    const token = await operator.addDevice(gateway, name);
    const device = await DevicePeer.connect(gateway, token);
    await operator.revokeDevice(gateway, name);
    assertEquals((await device.expectEnd()).code, 4504);
    assertEquals((await refusal(gateway, "/v1/device", { token })).status, 401);
  });

  test("a dashboard reads and writes what its token names and nothing else", async (gateway) => {
    const [open, secret] = [uniqueName("open"), uniqueName("secret")];
    const devices = [];
    for (const name of [open, secret]) {
      const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, name));
      await device.advertise({ channel: 1, topic: "v" }, { channel: 2, topic: "set", writable: true });
      devices.push(device);
    }
    const { token } = await operator.dashboardToken(gateway, { read: [`${open}/#`], write: [`${open}/set`] });
    const dashboard = await DashboardPeer.connect(gateway, token);
    assertEquals(dashboard.welcome.rights, { read: [`${open}/#`], write: [`${open}/set`] });
    await dashboard.subscribe(["#"]);
    for (const device of devices) await device.publish(1, "x");
    for (const device of devices) await device.settle();
    await dashboard.expectValue(`${open}/v`, "x");
    await dashboard.settle();
    assert(dashboard.samples.every((one) => one.topic.startsWith(`${open}/`)));
    assert(
      [...dashboard.channels.values()].every((one) => one.topic.startsWith(`${open}/`)),
      "names leak too",
    );
    await dashboard.send({ type: "write", id: 99, topic: `${secret}/set`, value: 1 });
    assertEquals((await dashboard.expect("error", (error) => error.ref?.id === 99)).code, "forbidden");
  });

  test("a device without a token is enrolled on its open connection", async (gateway) => {
    const name = uniqueName("new");
    const device = await DevicePeer.open(gateway);
    await device.send({ type: "hello", protocol: 1, enrol: { device: name, description: "a test" } });
    const { code } = await device.expect("enrolment");
    const listed = await operator.get(gateway, "/v1/enrolments");
    assert(JSON.stringify(listed).includes(code), JSON.stringify(listed));
    await operator.approve(gateway, code);
    const { token } = await device.expect("enrolled", (message) => message.device === name);
    const welcome = await device.expect("welcome");
    assertEquals(welcome.device, name);
    await device.advertise({ channel: 1, topic: "t" });
    await device.leave();
    await (await DevicePeer.connect(gateway, token)).leave();
  });

  test("a device whose enrolment is turned down is told so", async (gateway) => {
    const device = await DevicePeer.open(gateway);
    await device.send({ type: "hello", protocol: 1, enrol: { device: uniqueName("no") } });
    const { code } = await device.expect("enrolment");
    await operator.reject(gateway, code);
    assertEquals((await device.expectEnd()).code, 4507);
  });

  test("a device without a token that asks for nothing gets nothing", async (gateway) => {
    const device = await DevicePeer.open(gateway);
    await device.send({ type: "hello", protocol: 1 });
    assertEquals((await device.expectEnd()).code, 4504);
  });
});

/** The live page tells why it is on its transport, and operators why all others are, in Chromium on the gateway. */
import { assert, assertEquals } from "@std/assert";
import mqtt from "mqtt";
import { connectDashboard } from "../../client/mod.ts";
import { TestBrowser } from "../support/browser.ts";
import { eachForm } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { openSocket } from "../support/peer.ts";

eachForm(({ form, alone }) => {
  if (form.name !== "Deno, source" && form.name !== "Bun, source") return;
  alone("the page says why it is on its transport, and an operator's why every session is", async (start) => {
    const gateway = await start();
    await using browser = await TestBrowser.start();
    const { token } = await operator.dashboardToken(gateway);
    using dashboard = connectDashboard({
      url: gateway.url,
      token,
      environment: { RTCPeerConnection: undefined },
    });
    await dashboard.opened();
    const raw = await openSocket(gateway, "/v1/device", {
      token: await operator.addDevice(gateway, "pump"),
      protocols: [],
    });
    const over = raw.receive(); // answers the gateway's pings until then
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, {
      username: "meter",
      password: await operator.addDevice(gateway, "meter"),
    });
    await client.publishAsync("meter/power", "7", { qos: 1 });

    const { page, faults } = await browser.open(gateway.url);
    await page.goto(`${gateway.url}/#token=${gateway.token}`);
    await page.locator(".pill", { hasText: /live by WebRTC/ }).click();
    const details = page.locator("#connection");
    const why = details.locator("div", { has: page.getByText("Why this transport", { exact: true }) })
      .locator("dd")
      .first();
    await why.filter({ hasText: "the state lane answers within" }).waitFor();
    const rows = details.locator("tbody tr");
    await rows.filter({ hasText: /^this page.*WebRTC.*ms.*directly/s }).waitFor();
    await rows.filter({ hasText: /WebSocket.*has made no offer.*→ in Deno, Bun and Node/s }).waitFor();
    await rows.filter({ hasText: /^device pump.*WebSocket, raw.*–.*It is a raw device/s }).waitFor();
    await rows.filter({ hasText: /^device meter.*MQTT.*–.*It is an MQTT client/s }).waitFor();
    assertEquals(await rows.count(), 4);
    await page.setViewportSize({ width: 360, height: 740 });
    const list = details.locator(".sessions");
    assertEquals(
      await list.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth),
      0,
      "a phone shows every column",
    );
    assertEquals(faults, []);

    const reader = await browser.open(gateway.url);
    await reader.page.goto(`${gateway.url}/#token=${token}`);
    await reader.page.locator(".pill", { hasText: /live by WebRTC/ }).click();
    await reader.page.getByText("Why this transport", { exact: true }).waitFor();
    assert(
      await reader.page.locator(".sessions").isHidden(),
      "a dashboard's token sees its own session alone",
    );
    assertEquals(reader.faults, []);

    const { transports } = await operator.get(gateway, "/v1/transports") as {
      transports: { webrtc: { selected: object } | null }[];
    };
    assert(transports.some(({ webrtc }) => webrtc?.selected), "the selected pair of no session is known");
    raw.cut();
    await over;
    await client.endAsync();
  });
});

/** Raw mode: devices that know nothing of the protocol. */
import { assertEquals } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { DashboardPeer, openSocket } from "../support/peer.ts";

eachForm(({ test }) => {
  test("a raw device's binary and text messages become samples, byte by byte the same", async (gateway) => {
    const name = uniqueName("raw");
    const token = await operator.addDevice(gateway, name);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    const socket = await openSocket(gateway, "/v1/device", { token, protocols: [] });
    assertEquals(socket.protocol, undefined);
    const payload = Uint8Array.from({ length: 256 }, (_, i) => i);
    await socket.sendBinary(payload);
    await socket.sendText("23,5 °C");
    const raw = await dashboard.until(
      () => dashboard.samples.find((one) => one.topic === `${name}/raw`),
      "bytes",
    );
    assertEquals(raw.payload, payload);
    await dashboard.expectValue(`${name}/text`, "23,5 °C");
    assertEquals(dashboard.announced(`${name}/raw`)?.encoding, "raw");
    assertEquals(dashboard.announced(`${name}/text`)?.encoding, "utf8");
    const listed = await operator.transportOf(gateway, name);
    assertEquals([listed?.["transport"], listed?.["mode"], listed?.["webrtc"]], ["websocket", "raw", null]);
    await socket.close();
    assertEquals((await socket.receive()).kind, "close");
  });

  test("an empty message is a sample without bytes", async (gateway) => {
    const name = uniqueName("raw");
    const token = await operator.addDevice(gateway, name);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    const socket = await openSocket(gateway, "/v1/device", { token, protocols: [] });
    await socket.sendText("");
    await dashboard.expectValue(`${name}/text`, "");
    socket.cut();
  });

  test("text that looks like a control message is only text in raw mode", async (gateway) => {
    const name = uniqueName("raw");
    const token = await operator.addDevice(gateway, name);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    const socket = await openSocket(gateway, "/v1/device", { token, protocols: [] });
    await socket.sendText('{"type":"bye"}');
    await dashboard.expectValue(`${name}/text`, '{"type":"bye"}');
    socket.cut();
  });
});

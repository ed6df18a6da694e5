/** What is on record: sessions, their totals and ends, history; and what survives a crash. */
import { assert, assertEquals, assertGreater, assertGreaterOrEqual } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { type Json, operator, request } from "../support/operator.ts";
import { DashboardPeer, DevicePeer } from "../support/peer.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

async function newDevice(gateway: GatewayProcess) {
  const name = uniqueName();
  const token = await operator.addDevice(gateway, name);
  return {
    name,
    token,
    device: await DevicePeer.connect(gateway, token, { client: "e2e/1", producer: "p" }),
  };
}

async function onlySession(gateway: GatewayProcess, device: string): Promise<Json> {
  const sessions = await operator.sessions(gateway, { device });
  assertEquals(sessions.length, 1, JSON.stringify(sessions));
  return sessions[0]!;
}

/** Values of a topic on record, oldest first. */
async function history(gateway: GatewayProcess, topic: string): Promise<unknown[]> {
  const path = `/v1/topics/${encodeURIComponent(topic)}/history?downsampling=none&maxPoints=10000`;
  const { points } = await operator.get(gateway, path);
  return (points as Json[]).map((point) => point["value"]);
}

eachForm(({ test, alone }) => {
  test("a session is on record: who, from where, what, how much, and why it ended", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "e", class: "event", encoding: "json" });
    for (const i of range(1, 25)) await device.publish(1, `${i}`);
    await device.expectAck(1, 25);
    const open = await onlySession(gateway, name);
    assertEquals(open["endReason"], null);
    await device.leave();
    const session = await onlySession(gateway, name);
    assertEquals(session["id"], device.welcome.session);
    assertEquals(session["role"], "device");
    assertEquals(session["transport"], "websocket");
    assertEquals(session["client"], "e2e/1");
    assertEquals(session["endReason"], "normal");
    assertEquals(session["samplesIn"], 25);
    assertGreaterOrEqual(Number(session["framesIn"]), 27);
    assertGreater(Number(session["bytesIn"]), 25 * 10);
    assert(String(session["remote"]).startsWith("127.0.0.1"), JSON.stringify(session));
    assertEquals((await operator.get(gateway, `/v1/sessions/${session["id"]}`))["id"], session["id"]);
  });

  test("each way of ending has its own reason", async (gateway) => {
    const { name, token, device } = await newDevice(gateway);
    await device.socket.sendText("{");
    await device.expectEnd();
    assertEquals((await onlySession(gateway, name))["endReason"], "bad_message");
    const other = await DevicePeer.connect(gateway, token);
    await operator.revokeDevice(gateway, name);
    await other.expectEnd();
    const reasons = (await operator.sessions(gateway, { device: name })).map((one) => one["endReason"]);
    assertEquals(reasons, ["unauthorized", "bad_message"]);
  });

  test("history gives back what was published, and the newest value by itself", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "e", class: "event", encoding: "json" });
    for (const i of range(1, 300)) await device.publish(1, `${i}`);
    await device.expectAck(1, 300);
    assertEquals(await history(gateway, `${name}/e`), range(1, 300));
    const last = await operator.get(gateway, `/v1/topics/${encodeURIComponent(`${name}/e`)}/last`);
    assertEquals((last["newest"] as Json)["value"], 300);
  });

  test("sessions are listed a page at a time, each once", async (gateway) => {
    const { name, token, device } = await newDevice(gateway);
    await device.leave();
    for (let i = 0; i < 6; i++) await (await DevicePeer.connect(gateway, token)).leave();
    const seen: unknown[] = [];
    let cursor: unknown;
    do {
      const query: Record<string, string> = { device: name, limit: "3" };
      if (cursor !== undefined) query["cursor"] = String(cursor);
      const page = await operator.get(gateway, `/v1/sessions?${new URLSearchParams(query)}`);
      seen.push(...(page["sessions"] as Json[]).map((one) => one["id"]));
      cursor = page["next"] ?? undefined;
    } while (cursor !== undefined);
    assertEquals(seen.length, 7);
    assertEquals(new Set(seen).size, 7);
  });

  test("the gateway says that it is well, and describes its interface", async (gateway) => {
    for (const path of ["/healthz", "/readyz"]) {
      assertEquals((await request(gateway, "GET", path)).status, 200, path);
    }
    const { body } = await request(gateway, "GET", "/openapi.json");
    assert(String(body["openapi"]).startsWith("3."), JSON.stringify(body).slice(0, 200));
    const missing = await request(gateway, "GET", "/v1/sessions/none");
    assertEquals(missing.status, 404);
    assertEquals(missing.headers.get("content-type")?.split(";")[0], "application/problem+json");
  });

  test("metrics name every series once, and count what came in", async (gateway) => {
    const { device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "s" });
    await device.publish(1, "1");
    await device.settle();
    const { status, body } = await request(gateway, "GET", "/metrics");
    assertEquals(status, 200);
    const series = String(body["text"]).split("\n").filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.slice(0, line.lastIndexOf(" ")));
    assertEquals(series.filter((one, i) => series.indexOf(one) !== i), []);
    assert(series.includes("tidegate_devices_connected"), series.join("\n"));
  });

  alone("SIGTERM says bye to peers, exits with 0, and leaves nothing open", async (start) => {
    const gateway = await start();
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "s", encoding: "json" });
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    await device.publish(1, "42");
    await dashboard.expectValue(`${name}/s`, "42");
    await gateway.stop();
    for (const peer of [device, dashboard]) {
      assertEquals((await peer.expectEnd()).code, 1001);
      const byes = peer.inbox.filter((message) => message.type === "bye");
      assertEquals(byes.map((bye) => bye.reconnect), [true]);
    }
    const again = await start({ data: gateway.data });
    assertEquals((await onlySession(again, name))["endReason"], "going_away");
    assertEquals(await history(again, `${name}/s`), [42], "state that was still in memory is committed");
    const late = await DashboardPeer.connect(again, again.token);
    await late.subscribe([`${name}/#`]);
    await late.expectValue(`${name}/s`, "42");
  });

  alone("kill -9 loses no acknowledged event and closes its sessions as crashed", async (start) => {
    let gateway = await start();
    const { name, token, device } = await newDevice(gateway);
    let peer = device;
    let acked = 0;
    for (let crash = 0; crash < 3; crash++) {
      await peer.advertise({ channel: 1, topic: "e", class: "event", encoding: "json" });
      for (const i of range(acked + 1, acked + 200)) await peer.publish(1, `${i}`, { sequence: i });
      await peer.until(() => (peer.acked.get(1) ?? 0) > acked, "the first acknowledgements");
      await gateway.kill();
      await peer.expectEnd();
      acked = peer.acked.get(1)!;
      gateway = await start({ data: gateway.data });
      const recorded = await history(gateway, `${name}/e`);
      assertGreaterOrEqual(recorded.length, acked, "every acknowledged event is there");
      assertEquals(recorded, range(1, recorded.length), "and each once, in order");
      peer = await DevicePeer.connect(gateway, token, { producer: "p" });
      acked = recorded.length;
    }
    const sessions = await operator.sessions(gateway, { device: name });
    const ended = sessions.filter((one) => one["endedAt"] !== null);
    assertEquals(ended.map((one) => one["endReason"]), ["crashed", "crashed", "crashed"]);
  });

  alone("a peer that says nothing at all is gone after the idle timeout", async (start) => {
    const gateway = await start({ env: { TIDEGATE_LIMITS_IDLE_TIMEOUT: "2s" } });
    const { name, device } = await newDevice(gateway);
    device.answersPings = false;
    assertEquals((await device.expectEnd()).code, 4000);
    assert(device.inbox.some((message) => message.type === "ping"), "it was asked before");
    const sessions = await operator.sessions(gateway, { device: name });
    assertEquals(sessions.length, 1);
  });
});

/** Connections that break and come back. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { DashboardPeer, DevicePeer } from "../support/peer.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** What `hello.resume` takes, from a former `welcome`. */
function resumeOf(peer: DevicePeer | DashboardPeer) {
  return { session: peer.welcome.session, token: peer.welcome.resume };
}

eachForm(({ test }) => {
  test("a device whose connection is cut goes on with its session, with neither hole nor repeat", async (gateway) => {
    const name = uniqueName();
    const token = await operator.addDevice(gateway, name);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    let device = await DevicePeer.connect(gateway, token, { producer: "p" });
    const session = device.welcome.session;
    let sent = 0;
    for (let round = 0; round < 4; round++) {
      await device.advertise({ channel: 1, topic: "e", class: "event" });
      const from = Math.max(1, sent - 3);
      // What is not acknowledged is sent again, and a little more than that.
      for (const i of range(from, sent + 20)) await device.publish(1, `${i}`, { sequence: i });
      sent += 20;
      if (round % 2 === 0) await device.expectAck(1, sent);
      const resume = resumeOf(device);
      device.cut();
      device = await DevicePeer.connect(gateway, token, { producer: "p", resume });
      assertEquals(device.welcome.resumed, true);
      assertEquals(device.welcome.session, session);
      const { channels } = await device.advertise({ channel: 1, topic: "e", class: "event" });
      sent = channels[0]?.last ?? 0;
    }
    for (const i of range(sent + 1, 100)) await device.publish(1, `${i}`, { sequence: i });
    await dashboard.expectValue(`${name}/e`, "100");
    assertEquals(dashboard.texts(`${name}/e`), range(1, 100).map(String));
    assertEquals(dashboard.offsets(`${name}/e`), range(1, 100));
    assertEquals((await operator.sessions(gateway, { device: name })).length, 1);
  });

  test("a device that resumes before its old connection is known dead replaces it", async (gateway) => {
    const name = uniqueName();
    const token = await operator.addDevice(gateway, name);
    const first = await DevicePeer.connect(gateway, token);
    const second = await DevicePeer.connect(gateway, token, { resume: resumeOf(first) });
    assertEquals(second.welcome.session, first.welcome.session);
    assertEquals(second.welcome.resumed, true);
    assertEquals((await first.expectEnd()).code, 4001);
  });

  test("a device has one session at a time: a newer one ends the older", async (gateway) => {
    const name = uniqueName();
    const token = await operator.addDevice(gateway, name);
    const older = await DevicePeer.connect(gateway, token);
    const newer = await DevicePeer.connect(gateway, token);
    assertEquals((await older.expectEnd()).code, 4001);
    assertEquals(older.inbox.find((message) => message.type === "bye")?.reconnect, false);
    await newer.settle();
  });

  test("a wrong resume token starts a new session and leaves the other one alone", async (gateway) => {
    const name = uniqueName();
    const token = await operator.addDevice(gateway, name);
    const first = await DevicePeer.connect(gateway, token);
    const resume = { session: first.welcome.session, token: "wrong" };
    const other = await operator.addDevice(gateway, uniqueName());
    const second = await DevicePeer.connect(gateway, other, { resume });
    assertEquals(second.welcome.resumed, false);
    assertNotEquals(second.welcome.session, first.welcome.session);
    const thief = await DevicePeer.connect(gateway, other, { resume: resumeOf(first) });
    assertEquals(thief.welcome.resumed, false, "another device's session cannot be taken, whatever it knows");
    await first.settle();
  });

  test("a dashboard whose connection is cut gets what it missed and nothing twice", async (gateway) => {
    const name = uniqueName();
    const token = await operator.addDevice(gateway, name);
    const device = await DevicePeer.connect(gateway, token);
    await device.advertise({ channel: 1, topic: "e", class: "event" }, { channel: 2, topic: "s" });
    const before = await DashboardPeer.connect(gateway, gateway.token);
    await before.subscribe([`${name}/#`]);
    for (const i of range(1, 50)) await device.publish(1, `${i}`);
    await before.expectValue(`${name}/e`, "50");
    before.cut();
    for (const i of range(51, 120)) await device.publish(1, `${i}`);
    await device.publish(2, "state");
    const after = await DashboardPeer.connect(gateway, gateway.token, resumeOf(before));
    assertEquals(after.welcome.resumed, true);
    assertEquals(after.welcome.session, before.welcome.session);
    const last = before.samples.findLast((one) => one.topic === `${name}/e`)!;
    const positions = { [`${name}/e`]: { epoch: last.epoch, offset: last.sequence } };
    await after.subscribe([`${name}/#`], { from: { positions } });
    for (const i of range(121, 130)) await device.publish(1, `${i}`);
    await after.expectValue(`${name}/e`, "130");
    await after.expectValue(`${name}/s`, "state");
    assertEquals([...before.texts(`${name}/e`), ...after.texts(`${name}/e`)], range(1, 130).map(String));
  });

  test("a dashboard whose position is from an unknown epoch is told so", async (gateway) => {
    const name = uniqueName();
    const token = await operator.addDevice(gateway, name);
    const device = await DevicePeer.connect(gateway, token);
    await device.advertise({ channel: 1, topic: "e", class: "event" });
    await device.publish(1, "1");
    await device.expectAck(1, 1);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    const positions = { [`${name}/e`]: { epoch: "nobody.1", offset: 17 } };
    await dashboard.subscribe([`${name}/e`], { from: { positions } });
    const gap = await dashboard.expect("gap");
    assertEquals(gap.topic, `${name}/e`);
    assertEquals(gap.reason, "epoch");
  });

  test("a device that says bye cannot be resumed", async (gateway) => {
    const name = uniqueName();
    const token = await operator.addDevice(gateway, name);
    const first = await DevicePeer.connect(gateway, token);
    await first.send({ type: "bye" });
    assertEquals((await first.expectEnd()).code, 1000);
    const second = await DevicePeer.connect(gateway, token, { resume: resumeOf(first) });
    assertEquals(second.welcome.resumed, false);
    assert(second.welcome.session !== first.welcome.session);
  });
});

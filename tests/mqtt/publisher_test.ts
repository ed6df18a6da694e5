/** Messages as the bridge writes them, read by the packet parser of an MQTT library. */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { Writable } from "node:stream";
import fc from "fast-check";
import mqtt from "mqtt";
import { ANSWER } from "../../mqtt/bridge/acknowledgements.ts";
import { MessageProperties, utf8String } from "../../mqtt/bridge/properties.ts";
import { type Message, Publisher } from "../../mqtt/bridge/publisher.ts";

/** Keeps what is written; holds it back while `open` is false. */
class Sink extends Writable {
  readonly written: Buffer[] = [];
  #hold: (() => void)[] | undefined;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    if (this.#hold) this.#hold.push(done);
    else done();
  }

  hold(): void {
    this.#hold = [];
  }

  release(): void {
    const held = this.#hold ?? [];
    this.#hold = undefined;
    for (const done of held) done();
  }
}

const turn = () => new Promise<void>((go) => setImmediate(go));

/** Reads packets by the library, through a connection that only it looks into. */
async function parsed(bytes: Buffer, version: 4 | 5): Promise<Record<string, unknown>[]> {
  const packets: Record<string, unknown>[] = [];
  const from = new (class extends Writable {
    override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
      done();
    }
  })();
  const stream = Object.assign(from, {
    pipe: (into: Writable) => into.write(bytes),
    pause: () => {},
    resume: () => {},
  });
  const client = new mqtt.MqttClient(() => stream as never, {
    protocolVersion: version,
    reconnectPeriod: 0,
    manualConnect: true,
    keepalive: 0,
  });
  client.on("packetreceive", (packet) => packets.push(packet as unknown as Record<string, unknown>));
  client.on("error", () => {});
  client.connect();
  for (let i = 0; i < 200; i++) await turn();
  client.end(true);
  return packets;
}

const properties = new MessageProperties({
  contentType: "text/plain",
  expiryS: 60,
  origin: "gw",
  epoch: "gw.7",
});

function message(more: Partial<Message>): Message {
  const bytes = new TextEncoder().encode("xx21.5xx");
  return {
    topic: utf8String("tidegate/gw/größe/°C"),
    qos: 0,
    retain: false,
    properties: undefined,
    timeUs: 1_763_812_800_123_456,
    offset: 42,
    bytes,
    start: 2,
    end: 6,
    ...more,
  };
}

Deno.test("a message is what the library reads as one, in both versions and at each quality of service", async () => {
  for (const version of [4, 5] as const) {
    const sink = new Sink();
    const publisher = new Publisher(sink);
    const large = new Uint8Array(200_000).fill(7);
    const props = version === 5 ? properties : undefined;
    publisher.publish(message({ properties: props, retain: true }), () => {});
    publisher.publish(message({ properties: props, bytes: large, start: 0, end: large.length }), () => {});
    publisher.publish(message({ properties: props, qos: 1 }), () => {});
    await turn();
    const packets = await parsed(Buffer.concat(sink.written), version);
    assertEquals(packets.map((one) => [one["cmd"], one["topic"], one["qos"], one["retain"]]), [
      ["publish", "tidegate/gw/größe/°C", 0, true],
      ["publish", "tidegate/gw/größe/°C", 0, false],
      ["publish", "tidegate/gw/größe/°C", 1, false],
    ]);
    assertEquals(packets.map((one) => String(one["payload"]).length), [4, 200_000, 4]);
    assertEquals(packets[2]!["messageId"], 2_048);
    if (version === 5) {
      const { contentType, messageExpiryInterval, userProperties } = packets[2]!["properties"] as Record<
        string,
        unknown
      >;
      assertEquals([contentType, messageExpiryInterval], ["text/plain", 60]);
      assertEquals({ ...userProperties as object }, {
        "tidegate-origin": "gw",
        "tidegate-epoch": "gw.7",
        "tidegate-time-us": "1763812800123456",
        "tidegate-offset": "42",
      });
    }
  }
});

Deno.test("the properties of any time and offset are as long as they say", () => {
  fc.assert(fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (timeUs, offset) => {
    const size = properties.size(timeUs, offset);
    const out = Buffer.alloc(size);
    assertEquals(properties.write(out, 0, timeUs, offset), size);
    assert(out.includes(String(timeUs)) && out.includes(String(offset)));
  }));
});

Deno.test("answers settle their messages, a refusal with its code, and QoS 2 takes both steps", async () => {
  const sink = new Sink();
  const publisher = new Publisher(sink);
  const told: (number | undefined)[][] = [];
  for (const qos of [1, 1, 2, 2] as const) {
    const at = told.push([]) - 1;
    publisher.publish(message({ qos }), (refusal) => told[at]!.push(refusal));
  }
  await turn();
  sink.written.length = 0;
  publisher.answered(ANSWER.puback, 2_048, 0);
  publisher.answered(ANSWER.puback, 2_049, 151);
  publisher.answered(ANSWER.pubcomp, 1_024, 0); // of a former message
  publisher.answered(ANSWER.pubrec, 1_024, 16);
  publisher.answered(ANSWER.pubrec, 1_025, 135);
  assertEquals(told, [[undefined], [151], [], [135]]);
  publisher.answered(ANSWER.pubcomp, 1_024, 0);
  publisher.answered(ANSWER.puback, 2_048, 0);
  assertEquals(told, [[undefined], [151], [undefined], [135]]);
  await turn();
  assertEquals(Buffer.concat(sink.written), Buffer.from([0x62, 2, 4, 0]));
});

Deno.test("states wait while the network is full, and one that is too large for the broker is refused", async () => {
  const sink = new Sink();
  sink.hold();
  const publisher = new Publisher(sink, 300_000);
  const settled: (number | undefined)[] = [];
  const large = { bytes: new Uint8Array(100_000), start: 0, end: 100_000 };
  for (let i = 0; i < 4; i++) publisher.publish(message(large), (refusal) => settled.push(refusal));
  assertEquals([settled.length, publisher.room], [2, false]);
  await turn();
  sink.release();
  for (let i = 0; i < 5; i++) await turn();
  assertEquals([settled.length, publisher.room], [4, true]);
  const huge = { bytes: new Uint8Array(300_001), start: 0, end: 300_001 };
  publisher.publish(message(huge), (refusal) => settled.push(refusal));
  assertEquals(settled.at(-1), 149);
});

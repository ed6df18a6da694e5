/**
 * Puts {@link Acknowledgements} between a broker's stream and the library.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Duplex, Writable } from "node:stream";
import type { MqttClient } from "mqtt";
import { Acknowledgements, type Answered } from "./acknowledgements.ts";
import { FIRST_OWN_ID } from "./message_ids.ts";

/** The part of the library's client that makes its stream. */
interface Builder {
  streamBuilder?: (client: MqttClient) => Duplex;
}

/**
 * Has answers to the bridge's own messages told to `answered`, for a client that has not connected yet.
 *
 * @throws when the library makes its stream elsewhere than this code knows.
 */
export function tapAnswers(client: MqttClient, answered: Answered): void {
  const builder = client as unknown as Builder;
  const build = builder.streamBuilder;
  if (typeof build !== "function") {
    throw new Error("the MQTT library makes its stream elsewhere than expected");
  }
  builder.streamBuilder = (one) => {
    const stream = build.call(builder, one);
    stream.pipe = <T>(into: T): T => {
      carry(stream, into as Writable, answered);
      return into;
    };
    return stream;
  };
}

function carry(stream: Duplex, into: Writable, answered: Answered): void {
  let full = false;
  const rest = new Acknowledgements(FIRST_OWN_ID, answered, (bytes) => {
    if (into.write(bytes) || full) return;
    full = true;
    stream.pause();
    into.once("drain", () => {
      full = false;
      stream.resume();
    });
  });
  stream.on("data", (bytes: Buffer) => rest.push(bytes));
  stream.once("end", () => into.end());
}

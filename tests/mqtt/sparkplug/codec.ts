/**
 * Payloads by the encoder and decoder in Python that share nothing with the gateway.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { hex, unhex } from "../../support/hex.ts";
import type { Caught } from "./host.ts";

const SCRIPT = new URL("./host.py", import.meta.url).pathname;

/** A payload in the names of the specification's message, without its repeated `properties`: these are a record. */
export interface PayloadToEncode {
  timestamp?: number;
  seq?: number;
  metrics: Record<string, unknown>[];
}

async function python(mode: string, lines: readonly string[]): Promise<string[]> {
  const child = new Deno.Command("/usr/bin/python3", {
    args: ["-B", SCRIPT, mode],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
  await writer.close();
  const { code, stdout } = await child.output();
  assertEquals(code, 0);
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

/** The bytes of payloads. */
export async function encoded(...payloads: PayloadToEncode[]): Promise<Uint8Array<ArrayBuffer>[]> {
  const lines = await python("encode-lines", payloads.map((payload) => JSON.stringify(payload)));
  return lines.map(unhex);
}

/** What a message on a topic holds. */
export async function decoded(topic: string, payload: Uint8Array): Promise<Caught> {
  const [line] = await python("decode", [`${topic} 0 0 ${hex(payload)}`]);
  return JSON.parse(line!);
}

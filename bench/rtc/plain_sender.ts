/**
 * libdatachannel without a gateway: sends messages of nothing to every peer at a steady rate. What the same traffic
 * costs a native implementation.
 *
 * ```sh
 * bun plain_sender.ts '{"bytes":1000,"perTurn":4,"turnsPerSecond":20}'
 * ```
 *
 * Prints its address; `POST /offer` takes an offer with its candidates and answers one.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { type DataChannel, type DescriptionType, PeerConnection } from "node-datachannel";

/** What to send. */
export interface PlainTraffic {
  /** Length of a message. */
  bytes: number;
  /** Messages to each peer in a turn. */
  perTurn: number;
  turnsPerSecond: number;
}

const traffic: PlainTraffic = JSON.parse(process.argv[2]!);
const channels: DataChannel[] = [];
// what nothing refers to is collected, and its peers lose their connection
const connections: PeerConnection[] = [];

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of request.setEncoding("utf8")) text += part;
  return text;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const offer = await textOf(request);
  const connection = new PeerConnection("sender", { iceServers: [] });
  connections.push(connection);
  connection.onDataChannel((channel) => {
    channel.onMessage(() => {});
    channels.push(channel);
  });
  const gathered = new Promise<void>((resolve) =>
    connection.onGatheringStateChange((state) => state === "complete" && resolve())
  );
  connection.setRemoteDescription(offer, "offer" as DescriptionType);
  await gathered;
  response.end(connection.localDescription()!.sdp);
}

const server = createServer((request, response) => void answer(request, response));
server.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

const startMs = performance.now();
const message = new Uint8Array(traffic.bytes);
let turns = 0;
setInterval(() => {
  const due = Math.floor((performance.now() - startMs) * traffic.turnsPerSecond / 1_000);
  if (turns >= due) return;
  turns++;
  for (const channel of channels) {
    for (let i = 0; i < traffic.perTurn; i++) channel.sendMessageBinary(message);
  }
}, 1);

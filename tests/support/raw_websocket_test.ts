import { assertEquals, assertRejects } from "@std/assert";
import { RawWebSocket, UpgradeRefused } from "./raw_websocket.ts";

/** A server that sends back what it gets, or refuses. */
function echo() {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    if (new URL(request.url).pathname === "/no") return new Response("not here", { status: 403 });
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "b" });
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => data === "close" ? socket.close(4500, "as asked") : socket.send(data);
    return response;
  });
}

Deno.test("RawWebSocket exchanges messages of every length form with a proper server", async () => {
  await using server = echo();
  const socket = await RawWebSocket.open(`http://127.0.0.1:${server.addr.port}/`, { protocols: ["a", "b"] });
  assertEquals(socket.protocol, "b");
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 200_000]) {
    const bytes = new Uint8Array(length).map((_, i) => i);
    await socket.sendBinary(bytes);
    assertEquals(await socket.receive(), { kind: "binary", bytes });
  }
  await socket.sendText("héllo");
  assertEquals(await socket.receive(), { kind: "text", text: "héllo" });
  await socket.sendText("close");
  assertEquals(await socket.receive(), { kind: "close", code: 4500, reason: "as asked" });
});

Deno.test("RawWebSocket tells the status and body of a refused upgrade", async () => {
  await using server = echo();
  const refused = await assertRejects(
    () => RawWebSocket.open(`http://127.0.0.1:${server.addr.port}/no`),
    UpgradeRefused,
  );
  assertEquals([refused.status, refused.body], [403, "not here"]);
});

import { assertEquals } from "@std/assert";
import {
  Backlog,
  FULL_BYTES,
  GRACE_MS,
  HIGH_WATER_BYTES,
  LOW_WATER_BYTES,
} from "../../dashboards/backlog.ts";
import { PlayedPeer } from "../support/played_peer.ts";

function watched() {
  const peer = new PlayedPeer();
  const backlog = new Backlog(peer);
  return (ms: number, bytes: number, maxStaleMs = Infinity) => {
    peer.bufferedBytes = bytes;
    return backlog.look(ms, maxStaleMs);
  };
}

Deno.test("a peer that was kept from running for a moment stays; one whose backlog stands does not", () => {
  const look = watched();
  assertEquals(look(0, HIGH_WATER_BYTES + 1), "waiting");
  assertEquals(look(25, LOW_WATER_BYTES), "clear");
  assertEquals(look(50, HIGH_WATER_BYTES + 1), "waiting");
  assertEquals(look(50 + GRACE_MS, HIGH_WATER_BYTES + 1), "behind");
});

Deno.test("a peer with more waiting than may ever wait is behind at once", () => {
  assertEquals(watched()(0, FULL_BYTES + 1), "behind");
});

Deno.test("a peer is behind when something has waited for longer than its subscription allows", () => {
  const look = watched();
  assertEquals(look(0, LOW_WATER_BYTES + 1, 50), "waiting");
  assertEquals(look(50, LOW_WATER_BYTES + 1, 50), "behind");
});

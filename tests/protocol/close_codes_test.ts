import { assert, assertEquals } from "@std/assert";
import { CLOSE, type CloseCode, closeCode, shouldReconnect } from "../../protocol/close_codes.ts";

const all: CloseCode[] = Object.values(CLOSE);

Deno.test("close codes and their names are unique, and found by number", () => {
  assertEquals(new Set(all.map((entry) => entry.code)).size, all.length);
  assertEquals(new Set(all.map((entry) => entry.name)).size, all.length);
  for (const entry of all) assertEquals(closeCode(entry.code), entry);
  assertEquals(closeCode(4999), undefined);
});

Deno.test("codes from 4500 on never ask to reconnect, so that clients can tell codes of later versions", () => {
  for (const { code, reconnect } of all) if (code >= 4500) assert(!reconnect, `${code}`);
});

Deno.test("shouldReconnect follows the table, then the ranges, then RFC 6455", () => {
  for (const { code, reconnect } of all) assertEquals(shouldReconnect(code), reconnect);
  for (const code of [1005, 1006, 1011, 1012, 1013, 4321]) assert(shouldReconnect(code), `${code}`);
  for (const code of [1002, 1003, 1007, 1010, 4600, 4999]) assert(!shouldReconnect(code), `${code}`);
});

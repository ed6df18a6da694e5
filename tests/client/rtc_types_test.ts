import { assertEquals } from "@std/assert";
import { type DataChannelLike, rawLane } from "../../client/rtc_types.ts";

Deno.test("a lane whose channel is gone before it says so drops what is sent", () => {
  let tried = 0;
  const channel: DataChannelLike = {
    binaryType: "arraybuffer",
    bufferedAmount: 0,
    readyState: "open",
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send() {
      tried++;
      throw new Error("called on a destroyed channel");
    },
    close() {},
  };
  rawLane(channel).send(new Uint8Array(1));
  assertEquals(tried, 1);
});

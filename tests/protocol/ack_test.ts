import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeAck, encodeAck } from "../../protocol/ack.ts";
import { ProtocolError } from "../../protocol/errors.ts";

const acks = fc.array(
  fc.record({ channel: fc.integer({ min: 0, max: 1_048_575 }), sequence: fc.maxSafeNat() }, {
    noNullPrototype: true,
  }),
);

Deno.test("acknowledgements come back as they went, and cut anywhere are a shorter list or refused", () => {
  fc.assert(fc.property(acks, (list) => {
    const frame = encodeAck(list);
    assertEquals(decodeAck(frame), list);
    for (let end = 1; end < frame.length; end++) {
      try {
        const some = decodeAck(frame.subarray(0, end));
        assertEquals(some, list.slice(0, some.length));
      } catch (error) {
        assert(error instanceof ProtocolError, String(error));
      }
    }
  }));
});

Deno.test("decodeAck throws nothing but ProtocolError on random bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 32 }), (bytes) => {
      for (const frame of [bytes, Uint8Array.of(2, ...bytes)]) {
        try {
          decodeAck(frame);
        } catch (error) {
          assert(error instanceof ProtocolError, String(error));
        }
      }
    }),
    { numRuns: 2_000 },
  );
  assertThrows(() => decodeAck(new Uint8Array()), ProtocolError, "(empty message)");
});

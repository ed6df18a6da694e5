/**
 * Payloads of simulated devices. Pure: the same sample number gives the same bytes.
 *
 * @module
 */
import type { Encoding, StructField } from "../../protocol/control.ts";

/** Shapes of the simulated value over time. */
export const SHAPES = ["sine", "random", "counter"] as const;

/** Name of a shape. */
export type Shape = typeof SHAPES[number];

/** Payloads of one device's channel. */
export interface PayloadMaker {
  encoding: Encoding;
  fields?: StructField[];
  /** The payload of a sample; the buffer is used again by the next call. */
  make(sample: number, seconds: number): Uint8Array;
}

/** One swing of the sine takes this long. */
const SINE_PERIOD_S = 10;

/**
 * Makes payloads of exactly `bytes`: 8 and 4 are a number, more is a number with filling behind it, less is raw
 * bytes of the counter.
 *
 * @param seed Sets devices apart: the phase of the sine, the start of the random walk.
 */
export function payloadMaker(bytes: number, shape: Shape, seed: number): PayloadMaker {
  const value = valueOf(shape, seed);
  const buffer = new Uint8Array(bytes);
  const view = new DataView(buffer.buffer);
  if (bytes < 4) {
    return {
      encoding: "raw",
      make(sample) {
        for (let i = 0; i < bytes; i++) buffer[i] = sample / 256 ** i;
        return buffer;
      },
    };
  }
  if (bytes < 8) {
    return {
      ...withFilling("f32", bytes - 4),
      make(sample, seconds) {
        view.setFloat32(0, value(sample, seconds), true);
        return buffer;
      },
    };
  }
  return {
    ...withFilling("f64", bytes - 8),
    make(sample, seconds) {
      view.setFloat64(0, value(sample, seconds), true);
      return buffer;
    },
  };
}

function withFilling(type: "f32" | "f64", filling: number): Pick<PayloadMaker, "encoding" | "fields"> {
  if (filling === 0) return { encoding: type };
  return {
    encoding: "struct",
    fields: [{ name: "value", type }, { name: "filling", type: "u8", count: filling }],
  };
}

function valueOf(shape: Shape, seed: number): (sample: number, seconds: number) => number {
  switch (shape) {
    case "sine":
      return (_, seconds) => Math.sin(2 * Math.PI * (seconds / SINE_PERIOD_S + seed * 0.618));
    case "random":
      return randomWalk(seed);
    case "counter":
      return (sample) => sample;
    default:
      return shape satisfies never;
  }
}

/** A walk by steps from a linear congruential generator (Numerical Recipes, section 7.1), drawn back to zero. */
function randomWalk(seed: number): () => number {
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  let at = 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    at = at * 0.99 + (state / 2 ** 32 - 0.5);
    return at;
  };
}

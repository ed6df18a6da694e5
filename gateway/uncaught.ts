/**
 * Faults that nobody caught: thrown in a timer or a socket's event, ours or a library's. A peer can provoke one of
 * those, and one peer must not end the gateway for all others, so they are logged and counted like any other fault.
 *
 * @module
 */
import process from "node:process";
import type { Fault } from "./core.ts";

/** Takes uncaught faults in; the returned function stops that. */
export function catchUncaught(fault: Fault): () => void {
  const uncaught = (error: unknown) => fault("uncaught", error);
  process.on("uncaughtException", uncaught);
  process.on("unhandledRejection", uncaught);
  return () => {
    process.off("uncaughtException", uncaught);
    process.off("unhandledRejection", uncaught);
  };
}

/**
 * A port for a program that cannot take port 0.
 *
 * @module
 */

/**
 * Ports below those that systems give to outgoing connections (Linux from 32768, others from 49152). One of these
 * could be anybody's by the time the program listens, and while a broker is away a client that tries to reach it can
 * even be given its port, and connect to itself.
 */
const LOWEST = 20_000, HIGHEST = 32_767;

/** Where this process looks next; other test processes begin elsewhere. */
let next = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));

/** A port that nobody listens on, and that this process gets only once. */
export function freePort(): number {
  for (let tries = LOWEST; tries <= HIGHEST; tries++) {
    const port = next;
    next = next === HIGHEST ? LOWEST : next + 1;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error(`no port from ${LOWEST} to ${HIGHEST} is free`);
}

/**
 * A port for a program that cannot take port 0.
 *
 * @module
 */

/** A port that was free just now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

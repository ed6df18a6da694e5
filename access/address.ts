/**
 * Addresses of peers, as far as limits per address go.
 *
 * @module
 */

/**
 * The part of `remote` (`address:port`) that limits are counted by: an IPv4 address, or the first 64 bits of
 * an IPv6 one, since whoever has one address there has 2^64.
 */
export function addressKey(remote: string): string {
  const host = /^\[([^\]]*)\](?::\d+)?$/.exec(remote)?.[1] ?? remote.replace(/^([^:]*):\d+$/, "$1");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  if (mapped !== undefined) return mapped;
  return host.includes(":") ? first64Bits(host) : host;
}

function first64Bits(address: string): string {
  // Without brackets a port may stand behind the last colon; it does not reach the first four groups unless
  // the address is short, which only splits one peer's count in two.
  const [head = "", tail] = address.split("%", 1)[0]!.split("::", 2);
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...new Array<string>(zeros).fill("0"), ...right];
  return groups.slice(0, 4).map((group) => group.toLowerCase().replace(/^0+(?=.)/, "")).join(":") + "::/64";
}

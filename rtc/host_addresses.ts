/**
 * Which of the machine's addresses peers are offered.
 *
 * @module
 */
import { isIP } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";
import type { PeerConfig } from "werift";

/** The machine's interfaces, as `os.networkInterfaces()` has them. */
export type Interfaces = NodeJS.Dict<Pick<NetworkInterfaceInfo, "address" | "family">[]>;

/** One spelling for each address: `FD00:0::1` and `fd00::1` are the same. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address.split("%")[0]}]`).hostname.slice(1, -1) : address;
}

/**
 * The addresses that a list of addresses and names of interfaces chooses, in the order of the list. An address that
 * the machine does not have now is left out: a socket cannot be bound to it. Of an interface the link-local
 * addresses are left out, since they mean nothing without their zone.
 */
export function chosenAddresses(chosen: readonly string[], interfaces: Interfaces): string[] {
  const all = Object.values(interfaces).flatMap((some) => some ?? []).map(({ address }) =>
    canonical(address)
  );
  const found = chosen.flatMap((entry) => {
    if (isIP(entry) === 0) {
      return (interfaces[entry] ?? []).map(({ address }) => canonical(address)).filter((one) =>
        !/^(?:fe80:|169\.254\.)/.test(one)
      );
    }
    return all.includes(canonical(entry)) ? [canonical(entry)] : [];
  });
  return [...new Set(found)];
}

/**
 * werift's settings for exactly these addresses. It would go through the machine's interfaces itself and use all of
 * them where none matches, so it is told to look for none and is given the list. It binds the sockets of a family to
 * one address at most; with several they are bound to any, and the others' are merely not told to the peer.
 */
export function addressConfig(addresses: readonly string[]): Partial<PeerConfig> {
  const [udp4, udp6] = [4, 6].map((family) => addresses.filter((one) => isIP(one) === family));
  return {
    iceUseIpv4: false,
    iceUseIpv6: false,
    iceAdditionalHostAddresses: [...addresses],
    iceInterfaceAddresses: {
      ...(udp4!.length === 1 ? { udp4: udp4![0]! } : {}),
      ...(udp6!.length === 1 ? { udp6: udp6![0]! } : {}),
    },
  };
}

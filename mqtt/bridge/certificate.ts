/**
 * Looks at a broker's certificate when it was not trusted: not every runtime says of an expired one that it has
 * expired.
 *
 * @module
 */
import { connect } from "node:tls";
import type { IClientOptions } from "mqtt";

/** How long the look may take, in milliseconds: as long as a connection, unless it is set otherwise. */
const WITHIN_MS = 10_000;

/** What is wrong with the dates of the broker's certificate, or undefined when that is not it. Trusts nothing it sees. */
export function certificateDatesProblem(options: IClientOptions, nowMs: number): Promise<string | undefined> {
  const { hostname, port, servername } = options;
  if (hostname === undefined || port === undefined) return Promise.resolve(undefined);
  return new Promise((settle) => {
    const socket = connect({
      host: hostname,
      port,
      ...(servername === undefined ? {} : { servername }),
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => finish(undefined), WITHIN_MS);
    const finish = (problem: string | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      settle(problem);
    };
    socket.once("error", () => finish(undefined));
    socket.once("secureConnect", () => {
      const { valid_from: from, valid_to: to } = socket.getPeerCertificate() ?? {};
      if (Date.parse(to) < nowMs) {
        finish(`the broker's certificate has expired on ${new Date(to).toISOString()}`);
      } else if (Date.parse(from) > nowMs) {
        finish(
          `the broker's certificate is valid only from ${new Date(from).toISOString()}; check the clocks`,
        );
      } else finish(undefined);
    });
  });
}

/**
 * The broker's own port.
 *
 * @module
 */
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type BrokerConnection, socketConnection } from "./connection.ts";

/** Ports that are tried after the one asked for; the last resort is any free one. */
const FURTHER_PORTS = 10;

/** Where to listen. */
export interface BrokerListenOptions {
  hostname: string;
  /** 0 takes any free one. */
  port: number;
  /** PEM texts; without, plain TCP. */
  tls?: { cert: string; key: string };
  connected(connection: BrokerConnection): void;
}

/** A port that is listened on. */
export interface BrokerListener {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Listens, on a port nearby when the one asked for is taken.
 *
 * @throws when the address cannot be listened on for another reason.
 */
export async function listenForClients(options: BrokerListenOptions): Promise<BrokerListener> {
  const { hostname, port, connected, tls } = options;
  const open = new Set<Socket>();
  const accept = (socket: Socket) => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => {}); // its close follows, and the broker tells it
    connected(socketConnection(socket));
  };
  const server = tls ? createTlsServer(tls, accept) : createTcpServer(accept);
  server.on("tlsClientError", () => {});
  const tries = port === 0 ? [0] : [...Array.from({ length: FURTHER_PORTS }, (_, i) => port + i), 0];
  for (const [i, candidate] of tries.entries()) {
    if (candidate > 65_535) continue;
    const error = await tryPort(server, hostname, candidate);
    if (!error) break;
    if ((error as { code?: string }).code !== "EADDRINUSE" || i === tries.length - 1) throw error;
  }
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : port,
    stop: () =>
      new Promise((stopped) => {
        server.close(() => stopped());
        for (const socket of open) socket.destroy();
      }),
  };
}

function tryPort(server: Server, host: string, port: number): Promise<Error | undefined> {
  return new Promise((settle) => {
    const failed = (error: Error) => settle(error);
    server.once("error", failed);
    server.listen({ host, port }, () => {
      server.off("error", failed);
      settle(undefined);
    });
  });
}

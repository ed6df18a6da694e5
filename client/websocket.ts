/**
 * The WebSocket as a {@link ClientTransport}.
 *
 * @module
 */
import type { WebSocketConstructor, WebSocketLike } from "./environment.ts";
import type { ClientTransport, ClientTransportHandlers, Dial } from "./transport.ts";

/** Codes that `WebSocket.close` takes from a program (RFC 6455 section 7.4.2); others throw in browsers. */
function closable(code: number): number {
  return code === 1000 || (code >= 3000 && code <= 4999) ? code : 1000;
}

/** RFC 6455 section 5.5.1 leaves 123 bytes for the reason; 40 UTF-16 units never take more. */
const MAX_REASON_UNITS = 40;

/** `WebSocket.OPEN`, which an injected constructor need not have. */
const OPEN = 1;

/** Makes a function that connects to `url`, offering `protocols`. */
export function webSocketDial(WebSocket: WebSocketConstructor, url: string, protocols: string[]): Dial {
  return (handlers) => dial(new WebSocket(url, protocols), handlers);
}

function dial(socket: WebSocketLike, handlers: ClientTransportHandlers): ClientTransport {
  let ended = false;
  let open = false;
  const end = () => {
    ended = true;
    open = false;
  };
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    if (ended) return;
    open = true;
    handlers.opened();
  };
  socket.onmessage = (event: { data: unknown }) => {
    if (ended) return;
    if (typeof event.data === "string") handlers.text(event.data);
    else handlers.binary(new Uint8Array(event.data as ArrayBuffer));
  };
  socket.onclose = (event: { code: number; reason: string }) => {
    if (ended) return;
    end();
    handlers.closed({ code: event.code, reason: event.reason });
  };
  // an error event says nothing that the close event behind it does not; without a listener Node prints it
  socket.onerror = () => {};
  return {
    kind: "websocket",
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    send(message) {
      // between the peer's close and its event, browsers print an error for every send
      if (open && socket.readyState === OPEN) socket.send(message as Uint8Array<ArrayBuffer>);
    },
    close(code, reason) {
      if (ended) return;
      end();
      socket.close(closable(code), reason.slice(0, MAX_REASON_UNITS));
    },
  };
}

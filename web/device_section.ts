/**
 * One device on the page: whether it is there, and the cards of its topics.
 *
 * @module
 */
import { element, insertInOrder, setAttribute, setText } from "./dom.ts";
import type { Drawable } from "./frames.ts";
import type { DeviceModel } from "./model.ts";
import type { TopicCard } from "./topic_card.ts";

/** A device's part of the page. */
export class DeviceSection implements Drawable {
  readonly root: HTMLElement;
  /** What the frame loop watches: small, so that it is drawn only while its head is on screen. */
  readonly head: HTMLElement;
  #device: DeviceModel;
  #dot = element("span", { class: "dot", "aria-hidden": "true" });
  #presence = element("span", { class: "presence" });
  #count = element("span", { class: "count" });
  #grid = element("div", { class: "grid" });

  constructor(device: DeviceModel) {
    this.#device = device;
    const name = element("h2", { id: `device-${device.name}` }, device.name);
    this.head = element("header", {}, this.#dot, name, this.#presence, this.#count);
    this.root = element(
      "section",
      { class: "device", "data-order": device.name, "aria-labelledby": name.id },
      this.head,
      this.#grid,
    );
  }

  /** Puts a card where it belongs: charts first, then by name. */
  add(card: TopicCard): void {
    insertInOrder(this.#grid, card.root);
  }

  draw(): boolean {
    const { presence, topics } = this.#device;
    const state = presence ? (presence.online ? "online" : "offline") : "unknown";
    setAttribute(this.root, "data-presence", state);
    setText(
      this.#presence,
      presence?.online && presence.transport ? `online by ${transportName(presence.transport)}` : state,
    );
    setText(this.#count, topics.size === 1 ? "1 topic" : `${topics.size} topics`);
    return false;
  }

  hidden(): void {}
}

/** A transport as people call it. */
export function transportName(transport: string): string {
  switch (transport) {
    case "websocket":
      return "WebSocket";
    case "datachannel":
    case "webrtc":
      return "WebRTC";
    case "webtransport":
      return "WebTransport";
    case "mqtt":
      return "MQTT";
    default:
      return transport;
  }
}

/**
 * Every open session, raw and MQTT devices included, with its transport and why it is on that, for operators: part
 * of the connection's details.
 *
 * @module
 */
import { transportName } from "./device_section.ts";
import { element, setAttribute, setText } from "./dom.ts";
import { formatDelay } from "./format.ts";
import { mayOperate } from "./login.ts";

/** Where the gateway tells of them. */
const TRANSPORTS_PATH = "/v1/transports";

/** While the panel is open it is brought up to date this often, in milliseconds. */
const EVERY_MS = 2_000;

/** What the gateway tells of a session, as far as it is shown. */
interface SessionTransport {
  session: string;
  role: string;
  name: string;
  transport: string;
  mode: string;
  why: string;
  advice: string[];
  roundTripMs: number | null;
}

/** The list. Hidden where the token does not allow it. */
export class SessionsPanel {
  readonly root: HTMLElement;
  #rows = element("tbody");
  #timer: ReturnType<typeof setInterval> | undefined;
  #asking = false;
  #own = "";

  constructor() {
    const head = ["Session", "Transport", "Round trip", "Why"].map((name) =>
      element("th", { scope: "col" }, name)
    );
    this.root = element(
      "div",
      { class: "sessions", hidden: true },
      element(
        "table",
        {},
        element("caption", {}, "Open sessions"),
        element("thead", {}, element("tr", {}, ...head)),
        this.#rows,
      ),
    );
  }

  /** Id of the page's own session, which is marked. */
  set own(session: string) {
    this.#own = session;
  }

  /** Begins to follow the sessions. */
  async open(): Promise<void> {
    if (this.#timer !== undefined || !await mayOperate()) return;
    this.#timer = setInterval(() => this.#ask(), EVERY_MS);
    await this.#ask();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const response = await fetch(TRANSPORTS_PATH, { cache: "no-store" });
      if (!response.ok) return;
      const { transports } = await response.json() as { transports: SessionTransport[] };
      this.#show(transports);
      this.root.hidden = false;
    } catch {
      // the gateway is away; the page says so elsewhere
    } finally {
      this.#asking = false;
    }
  }

  #show(transports: SessionTransport[]): void {
    while (this.#rows.children.length > transports.length) this.#rows.lastElementChild!.remove();
    while (this.#rows.children.length < transports.length) {
      this.#rows.append(element(
        "tr",
        {},
        element("th", { scope: "row" }),
        ...[0, 1, 2].map(() => element("td")),
      ));
    }
    transports.forEach((one, i) => {
      const row = this.#rows.children[i]!;
      const own = one.session === this.#own;
      setAttribute(row, "data-session", one.session);
      setAttribute(row, "data-transport", one.transport);
      setText(row.children[0]!, own ? "this page" : `${one.role} ${one.name}`);
      setText(row.children[1]!, transportName(one.transport) + (one.mode === "raw" ? ", raw" : ""));
      setText(row.children[2]!, one.roundTripMs === null ? "–" : formatDelay(one.roundTripMs));
      setText(row.children[3]!, [one.why, ...one.advice.map((advice) => `→ ${advice}`)].join("\n"));
    });
  }
}

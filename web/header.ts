/**
 * The bar on top: how the connection is, what there is, and how to look at it.
 *
 * @module
 */
import type { Status } from "../client/mod.ts";
import { transportName } from "./device_section.ts";
import { element, setAttribute, setText } from "./dom.ts";
import { SessionsPanel } from "./sessions_panel.ts";
import { formatCount, formatDelay, formatQuantity } from "./format.ts";
import type { Theme } from "./theme.ts";

/** Widths of charts to choose from, in minutes. */
const WINDOWS_MINUTES = [1, 5, 15] as const;

/** What the person at the page has chosen. */
export interface Choices {
  windowMs: number;
  paused: boolean;
  filter: string;
}

/** What the bar tells, once a second. */
export interface Summary {
  status: Status | undefined;
  devices: number;
  topics: number;
  samplesPerSecond: number;
  bytesPerSecond: number;
  /** Median and 95th percentile of the gateway's clock minus the samples' time, in milliseconds. */
  delay: readonly [p50: number, p95: number] | undefined;
  /** Samples that the gateway left out, by reason. */
  skipped: Readonly<Record<string, number | undefined>>;
  /** Gaps of event topics since the page was opened, in samples. */
  lost: number;
}

/** Reasons of skipping, as people understand them. */
const SKIP_TEXTS: Record<string, string> = {
  rate: "faster than this page asks for",
  conflated: "replaced by newer ones on a slow link",
  stale: "too old when their turn came",
};

/** The bar. */
export class Header {
  readonly root: HTMLElement;
  readonly choices: Choices = { windowMs: 5 * 60_000, paused: false, filter: "" };
  #pill = element("button", {
    class: "pill",
    type: "button",
    "aria-expanded": "false",
    "aria-controls": "connection",
  });
  #pillText = element("span", { role: "status" });
  #counts = element("p", { class: "counts" });
  #rows = element("dl");
  #details = element("div", { class: "details", id: "connection", hidden: true }, this.#rows);
  #sessions = new SessionsPanel();
  #changed: (choices: Choices) => void;
  #summary: Summary | undefined;

  /** `changed` is called whenever a choice was made, `leave` when somebody wants to log out. */
  constructor(theme: Theme, changed: (choices: Choices) => void, leave: () => void) {
    this.#changed = changed;
    const leaveButton = element("button", { type: "button" }, "Log out");
    leaveButton.addEventListener("click", leave);
    this.#details.append(leaveButton, this.#sessions.root);
    this.#pill.append(element("span", { class: "dot", "aria-hidden": "true" }), this.#pillText);
    this.#pill.addEventListener("click", () => this.#toggleDetails());
    this.root = element(
      "header",
      { class: "bar" },
      element(
        "a",
        { class: "brand", href: "/", "aria-label": "Tidegate" },
        element("img", { src: "/icon.svg", alt: "", width: 28, height: 28 }),
        element("span", {}, "Tidegate"),
      ),
      this.#pill,
      this.#counts,
      element(
        "div",
        { class: "tools" },
        this.#filterBox(),
        this.#windows(),
        this.#pauseButton(),
        themeButton(theme),
      ),
      this.#details,
    );
  }

  /** Writes the summary. */
  show(summary: Summary): void {
    this.#summary = summary;
    const { status, devices, topics, samplesPerSecond } = summary;
    setAttribute(this.#pill, "data-state", status?.state ?? "connecting");
    setText(this.#pillText, pillText(summary));
    setText(
      this.#counts,
      `${formatCount(devices)} ${devices === 1 ? "device" : "devices"} · ${formatCount(topics)} ${
        topics === 1 ? "topic" : "topics"
      } · ${formatCount(Math.round(samplesPerSecond))} samples/s`,
    );
    if (!this.#details.hidden) this.#showDetails(summary);
  }

  #toggleDetails(): void {
    this.#details.hidden = !this.#details.hidden;
    this.#pill.setAttribute("aria-expanded", String(!this.#details.hidden));
    if (this.#details.hidden) this.#sessions.close();
    else void this.#sessions.open();
    if (this.#summary) this.show(this.#summary);
  }

  #showDetails(summary: Summary): void {
    if (summary.status?.state === "open") this.#sessions.own = summary.status.session;
    const rows = detailRows(summary);
    const { children } = this.#rows;
    if (children.length !== rows.length) {
      this.#rows.replaceChildren(
        ...rows.map(() => element("div", {}, element("dt"), element("dd"))),
      );
    }
    rows.forEach(([name, value], i) => {
      setText(children[i]!.children[0]!, name);
      setText(children[i]!.children[1]!, value);
    });
  }

  #filterBox(): HTMLElement {
    const input = element("input", {
      type: "search",
      placeholder: "Filter topics",
      "aria-label": "Show only topics with these words",
      spellcheck: "false",
    });
    input.addEventListener("input", () => {
      this.choices.filter = input.value;
      this.#changed(this.choices);
    });
    // The usual shortcut; not while somebody types into another box.
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      input.focus();
    });
    return input;
  }

  #windows(): HTMLElement {
    const group = element(
      "fieldset",
      { class: "segments" },
      element("legend", { class: "unseen" }, "Time shown"),
    );
    for (const minutes of WINDOWS_MINUTES) {
      const input = element("input", { type: "radio", name: "window", value: minutes });
      input.checked = minutes * 60_000 === this.choices.windowMs;
      input.addEventListener("change", () => {
        this.choices.windowMs = minutes * 60_000;
        this.#changed(this.choices);
      });
      group.append(element("label", {}, input, element("span", {}, `${minutes} min`)));
    }
    return group;
  }

  #pauseButton(): HTMLElement {
    const button = element("button", { type: "button", class: "pause", "aria-pressed": "false" }, "Pause");
    button.addEventListener("click", () => {
      this.choices.paused = !this.choices.paused;
      button.setAttribute("aria-pressed", String(this.choices.paused));
      setText(button, this.choices.paused ? "Go on" : "Pause");
      this.#changed(this.choices);
    });
    return button;
  }
}

function themeButton(theme: Theme): HTMLElement {
  const button = element("button", { type: "button", class: "theme" });
  const name = () => {
    setText(button, { auto: "◐", light: "☀", dark: "☾" }[theme.choice]);
    button.title = `Colours: ${theme.choice}`;
    button.setAttribute("aria-label", button.title);
  };
  button.addEventListener("click", () => {
    theme.next();
    name();
  });
  name();
  return button;
}

function pillText({ status, delay }: Summary): string {
  switch (status?.state) {
    case undefined:
    case "connecting":
      return "connecting…";
    case "enrolling":
      return `waiting for approval, code ${status.code}`;
    case "open": {
      const name = transportName(status.transport);
      return delay ? `live by ${name}, ${formatDelay(delay[0])}` : `live by ${name}`;
    }
    case "waiting":
      return "connection lost, trying again";
    case "closed":
      return `ended: ${status.reason}`;
  }
}

function detailRows(
  { status, delay, skipped, samplesPerSecond, bytesPerSecond, lost }: Summary,
): [string, string][] {
  const rows: [string, string][] = [];
  if (status?.state === "open") {
    rows.push(["Transport", transportName(status.transport)], ["Session", status.session]);
    rows.push(["Round trip", formatDelay(status.roundTripMs)]);
    rows.push(["Why this transport", status.transportCause]);
    rows.push(["Clock", `known to ± ${formatDelay(status.clockErrorMs)}`]);
  }
  if (status?.state === "waiting") rows.push(["Lost because", status.reason]);
  if (delay) {
    rows.push(["Age on arrival", `${formatDelay(delay[0])} median, ${formatDelay(delay[1])} at 95 %`]);
  }
  const bytes = formatQuantity(bytesPerSecond, "B/s");
  rows.push([
    "Coming in",
    `${formatCount(Math.round(samplesPerSecond))} samples/s, ${bytes.text} ${bytes.unit}`,
  ]);
  for (const [reason, count] of Object.entries(skipped)) {
    if (count) rows.push([`Left out, ${reason}`, `${formatCount(count)} ${SKIP_TEXTS[reason] ?? ""}`]);
  }
  if (lost > 0) rows.push(["Events gone", formatCount(lost)]);
  return rows;
}

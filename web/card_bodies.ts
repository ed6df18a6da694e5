/**
 * The three ways to show a topic's content: numbers with their chart, the last value as text, and the last
 * samples of an event topic.
 *
 * @module
 */
import { Chart } from "./chart.ts";
import { element, setText } from "./dom.ts";
import { formatAge, formatQuantity, shorten } from "./format.ts";
import type { FrameClock } from "./frames.ts";
import type { Theme } from "./theme.ts";
import { describeValue, type TopicModel } from "./topic_model.ts";

/** Characters of a text value that are shown. */
const MAX_TEXT = 600;

/** Samples of an event topic that are shown. */
const EVENTS_SHOWN = 12;

/** Texts change no more often than this, in milliseconds: faster, nobody can read them. */
const TEXT_STEP_MS = 100;

/** Content of a card. */
export interface CardBody {
  readonly root: HTMLElement;
  /** Shows what is new; returns whether anything was. */
  draw(clock: FrameClock): boolean;
  hidden(): void;
}

/** The content for the topic's kind. */
export function cardBody(topic: TopicModel, theme: Theme): CardBody {
  switch (topic.kind) {
    case "chart":
      return new ChartBody(topic, theme);
    case "text":
      return new TextBody(topic);
    case "events":
      return new EventsBody(topic);
  }
}

/** Lets texts follow the topic, at a pace that can be read. */
class Pace {
  #version = -1;
  #changedMs = -Infinity;

  due(topic: TopicModel, frameMs: number): boolean {
    if (topic.version === this.#version || frameMs - this.#changedMs < TEXT_STEP_MS) return false;
    this.#version = topic.version;
    this.#changedMs = frameMs;
    return true;
  }
}

class ChartBody implements CardBody {
  readonly root: HTMLElement;
  #topic: TopicModel;
  #values = element("dl", { class: "values" });
  #numbers: { number: HTMLElement; unit: HTMLElement }[] = [];
  #more = element("div", { class: "more", hidden: true });
  #chart: Chart;
  #pace = new Pace();
  #hovered: readonly (number | null)[] | undefined;

  constructor(topic: TopicModel, theme: Theme) {
    this.#topic = topic;
    const plot = element("div", { class: "plot", role: "img", "aria-label": `Chart of ${topic.path}` });
    this.root = element("div", { class: "body" }, this.#values, plot);
    this.#chart = new Chart({
      topic,
      container: plot,
      theme,
      hovered: (values) => {
        this.#hovered = values;
        this.#show();
      },
    });
  }

  draw(clock: FrameClock): boolean {
    const text = this.#hovered === undefined && this.#pace.due(this.#topic, clock.frameMs);
    if (text) this.#show();
    return this.#chart.draw(clock) || text;
  }

  hidden(): void {
    this.#chart.release();
  }

  #show(): void {
    const { series } = this.#topic;
    if (this.#numbers.length !== series.names.length) this.#build();
    for (let line = 0; line < this.#numbers.length; line++) {
      const value = this.#hovered
        ? this.#hovered[line] ?? NaN
        : series.length > 0
        ? series.valueAt(line, series.length - 1)
        : NaN;
      const quantity = formatQuantity(value, this.#topic.unitOf(series.names[line]!));
      setText(this.#numbers[line]!.number, quantity.text);
      setText(this.#numbers[line]!.unit, quantity.unit);
    }
    setText(this.#more, series.hidden.size > 0 ? `and ${series.hidden.size} more` : "");
    this.#more.hidden = series.hidden.size === 0;
  }

  #build(): void {
    const { names } = this.#topic.series;
    this.#values.classList.toggle("several", names.length > 1);
    this.#numbers = names.map(() => ({
      number: element("span", { class: "number" }),
      unit: element("span", { class: "unit" }),
    }));
    this.#values.replaceChildren(
      ...names.map((name, i) =>
        element(
          "div",
          { class: `line line-${(i % 8) + 1}` },
          element("dt", { class: names.length > 1 ? "" : "unseen", title: name }, name),
          element("dd", {}, this.#numbers[i]!.number, " ", this.#numbers[i]!.unit),
        )
      ),
      this.#more,
    );
  }
}

class TextBody implements CardBody {
  readonly root: HTMLElement;
  #topic: TopicModel;
  #text = element("pre", { class: "text-value" });
  #pace = new Pace();

  constructor(topic: TopicModel) {
    this.#topic = topic;
    this.root = element("div", { class: "body" }, this.#text);
  }

  draw(clock: FrameClock): boolean {
    if (!this.#pace.due(this.#topic, clock.frameMs)) return false;
    const { problem, value, timeMs } = this.#topic;
    this.#text.classList.toggle("empty", Number.isNaN(timeMs));
    setText(
      this.#text,
      Number.isNaN(timeMs) ? "no value yet" : shorten(describeValue(value, "\n"), MAX_TEXT),
    );
    this.#text.title = problem ? `Not what its encoding says: ${problem}` : "";
    this.#text.classList.toggle("problem", problem !== undefined);
    return true;
  }

  hidden(): void {}
}

class EventsBody implements CardBody {
  readonly root: HTMLElement;
  #topic: TopicModel;
  #list = element("ol", { class: "event-list", tabindex: 0 });
  #pace = new Pace();

  constructor(topic: TopicModel) {
    this.#topic = topic;
    this.#list.setAttribute("aria-label", `Last events of ${topic.path}`);
    this.root = element("div", { class: "body" }, this.#list);
  }

  draw(clock: FrameClock): boolean {
    if (!this.#pace.due(this.#topic, clock.frameMs)) return false;
    const newest = this.#topic.events.slice(-EVENTS_SHOWN).reverse();
    this.#list.replaceChildren(...newest.map(({ timeMs, text }) =>
      element(
        "li",
        { title: `${formatAge(clock.gatewayMs - timeMs)} ago` },
        element("time", { datetime: new Date(timeMs).toISOString() }, clockTime(timeMs)),
        element("span", {}, shorten(text, MAX_TEXT)),
      )
    ));
    if (newest.length === 0) {
      this.#list.replaceChildren(element("li", { class: "empty" }, "no event yet"));
    }
    return true;
  }

  hidden(): void {}
}

function clockTime(timeMs: number): string {
  return new Date(timeMs).toLocaleTimeString("en-GB", { hour12: false });
}

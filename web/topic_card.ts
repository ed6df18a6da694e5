/**
 * The card of one topic: its name, how fresh it is, its content, and the box to write it where one may.
 *
 * @module
 */
import { type CardBody, cardBody } from "./card_bodies.ts";
import { element, setText } from "./dom.ts";
import { formatAge, formatRate } from "./format.ts";
import type { Drawable, FrameClock } from "./frames.ts";
import type { Theme } from "./theme.ts";
import type { TopicKind, TopicModel } from "./topic_model.ts";

/** The age is written anew this often, in milliseconds. */
const AGE_STEP_MS = 250;

/** Younger than this, in milliseconds, a value counts as of now: a topic of one sample a second must not flicker. */
const NOW_MS = 2_000;

/** A series that has been silent this long is shown as stale, in milliseconds, if that is long for it. */
const STALE_MS = 5_000;

/** A card. */
export class TopicCard implements Drawable {
  readonly root: HTMLElement;
  /** Kind that the card was made for. */
  readonly kind: TopicKind;
  #topic: TopicModel;
  #body: CardBody;
  #rate = element("span", { class: "rate" });
  #age = element("span", { class: "age" });
  #agedMs = -Infinity;

  /** `writeBox` goes to the card's foot. */
  constructor(topic: TopicModel, theme: Theme, writeBox: HTMLElement | undefined) {
    this.#topic = topic;
    this.kind = topic.kind;
    this.#body = cardBody(topic, theme);
    const name = element("h3", { title: topic.description.topic }, topic.path);
    const head = element("header", {}, name, this.#rate, this.#age);
    this.root = element(
      "article",
      {
        class: "card",
        "data-kind": topic.kind,
        "data-name": topic.path,
        "data-order": `${topic.kind === "chart" ? 1 : 2} ${topic.path}`,
        "data-topic": topic.description.topic,
      },
      head,
      this.#body.root,
    );
    if (writeBox) this.root.append(writeBox);
  }

  draw(clock: FrameClock): boolean {
    const aged = clock.frameMs - this.#agedMs >= AGE_STEP_MS;
    if (aged) this.#showAge(clock);
    return this.#body.draw(clock) || aged;
  }

  hidden(): void {
    this.#body.hidden();
  }

  #showAge(clock: FrameClock): void {
    this.#agedMs = clock.frameMs;
    const { timeMs, rate, series } = this.#topic;
    if (Number.isNaN(timeMs)) return;
    const ageMs = clock.gatewayMs - timeMs;
    const stale = series.length > 1 && ageMs > Math.max(STALE_MS, series.gapMs);
    setText(this.#rate, formatRate(rate.perSecond(Date.now())));
    setText(this.#age, ageMs >= NOW_MS ? `${formatAge(ageMs)} ago` : "now");
    this.root.classList.toggle("stale", stale);
  }
}

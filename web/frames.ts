/**
 * One animation loop for everything that moves. It draws what is on screen only, and within a budget: what does
 * not fit into this frame comes first in the next one, so that the page stays smooth however much there is.
 *
 * @module
 */

/** Time that drawing may take in one frame, in milliseconds; half of a frame at 60 a second. */
const BUDGET_MS = 8;

/** Distance from the screen at which things begin to be drawn, so that scrolling shows no empty frames. */
const MARGIN = "200px";

/** What every drawing of a frame goes by. */
export interface FrameClock {
  /** The page's monotonic clock in milliseconds. */
  frameMs: number;
  /** The gateway's clock in milliseconds since 1970; stands still while the page is paused. */
  gatewayMs: number;
  /** What charts show, in milliseconds. */
  windowMs: number;
}

/** Something that is drawn while it is on screen. */
export interface Drawable {
  /** Draws if there is anything new to show; returns whether it did. */
  draw(clock: FrameClock): boolean;
  /** It has left the screen: let go of what drawing needs. */
  hidden(): void;
}

/** Counts of what the loop did, since the page was opened. */
export interface FrameCounts {
  frames: number;
  /** Drawings that did something. */
  draws: number;
  /** Frames that ran out of their budget. */
  overruns: number;
}

/** The loop. */
export class FrameLoop {
  readonly counts: FrameCounts = { frames: 0, draws: 0, overruns: 0 };
  #drawables = new Map<Element, Drawable>();
  #onScreen: Drawable[] = [];
  #next = 0;
  #observer: IntersectionObserver;
  #clock: (frameMs: number) => FrameClock;

  /** `clock` is asked once a frame. */
  constructor(clock: (frameMs: number) => FrameClock) {
    this.#clock = clock;
    this.#observer = new IntersectionObserver((entries) => this.#moved(entries), { rootMargin: MARGIN });
    requestAnimationFrame(this.#frame);
  }

  /** Things on screen now. */
  get onScreen(): number {
    return this.#onScreen.length;
  }

  /** Draws `drawable` whenever `element` is on screen. */
  add(element: Element, drawable: Drawable): void {
    this.#drawables.set(element, drawable);
    this.#observer.observe(element);
  }

  /** Stops drawing what is drawn for `element`. */
  remove(element: Element): void {
    const drawable = this.#drawables.get(element);
    if (!drawable) return;
    this.#observer.unobserve(element);
    this.#drawables.delete(element);
    this.#leave(drawable);
  }

  #leave(drawable: Drawable): void {
    const at = this.#onScreen.indexOf(drawable);
    if (at < 0) return;
    this.#onScreen.splice(at, 1);
    drawable.hidden();
  }

  #moved(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const drawable = this.#drawables.get(target);
      if (!drawable) continue;
      if (!isIntersecting) this.#leave(drawable);
      else if (!this.#onScreen.includes(drawable)) this.#onScreen.push(drawable);
    }
  }

  #frame = (frameMs: number): void => {
    requestAnimationFrame(this.#frame);
    this.counts.frames++;
    const clock = this.#clock(frameMs);
    const deadline = performance.now() + BUDGET_MS;
    const count = this.#onScreen.length;
    for (let i = 0; i < count; i++) {
      const at = (this.#next + i) % count;
      if (this.#onScreen[at]!.draw(clock)) this.counts.draws++;
      if (performance.now() >= deadline) {
        this.#next = (at + 1) % count;
        this.counts.overruns++;
        return;
      }
    }
  };
}

/**
 * Colours for canvases, which cannot use the style sheet's own: read from it, again whenever light and dark
 * change places.
 *
 * @module
 */

/** How many line colours page.css defines, as `--line-1` and so on. */
const LINES = 8;

/** Choices of the theme button. */
export type ThemeChoice = "auto" | "light" | "dark";

const STORED_AS = "tidegate.theme";
const CHOICES: readonly ThemeChoice[] = ["auto", "light", "dark"];

/** The colours now. */
export class Theme {
  /** Rises with each change. */
  version = 0;
  axis = "";
  grid = "";
  /** Below the line of a chart that has only one. */
  fill = "";
  lines: string[] = [];
  choice: ThemeChoice;
  #probe: HTMLElement;

  constructor() {
    this.#probe = document.createElement("span");
    this.#probe.hidden = true;
    document.documentElement.append(this.#probe);
    const stored = localStorage.getItem(STORED_AS);
    this.choice = CHOICES.find((choice) => choice === stored) ?? "auto";
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#read());
    this.#apply();
  }

  /** Goes on to the next choice and keeps it for the next visit. */
  next(): void {
    this.choice = CHOICES[(CHOICES.indexOf(this.choice) + 1) % CHOICES.length]!;
    localStorage.setItem(STORED_AS, this.choice);
    this.#apply();
  }

  #apply(): void {
    if (this.choice === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = this.choice;
    this.#read();
  }

  /** A custom property's own value is its text; only a property that takes colours resolves it. */
  #colour(name: string): string {
    this.#probe.style.color = `var(${name})`;
    return getComputedStyle(this.#probe).color;
  }

  #read(): void {
    this.axis = this.#colour("--muted");
    this.grid = this.#colour("--grid");
    this.fill = this.#colour("--fill");
    this.lines = Array.from({ length: LINES }, (_, i) => this.#colour(`--line-${i + 1}`));
    this.version++;
  }
}

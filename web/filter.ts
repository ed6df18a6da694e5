/**
 * The filter box: which topics are shown.
 *
 * @module
 */

/** Whether `topic` has every word of `filter` in it, whatever the case. An empty filter fits all. */
export function fits(filter: string, topic: string): boolean {
  const lower = topic.toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}

/** Hides the cards that do not fit, and the devices that have none left. */
export function applyFilter(filter: string, sections: Iterable<HTMLElement>): number {
  let shown = 0;
  for (const section of sections) {
    let here = 0;
    for (const card of section.querySelectorAll<HTMLElement>(".card")) {
      card.hidden = !fits(filter, card.dataset["topic"] ?? "");
      if (!card.hidden) here++;
    }
    section.hidden = here === 0 && filter.trim() !== "";
    shown += here;
  }
  return shown;
}

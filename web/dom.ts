/**
 * The little that the page needs to build its elements.
 *
 * @module
 */

/** Attributes of {@link element}; `false` and undefined leave one out, `true` sets it empty. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Makes an element with attributes and children. Text always goes in as text, so nothing that a device sends
 * can become markup.
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** Sets an element's text, without touching the page when it is the same already. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Sets or removes an attribute, without touching the page when it is the same already. */
export function setAttribute(target: Element, name: string, value: string | undefined): void {
  if (value === undefined) target.removeAttribute(name);
  else if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

/** Orders names as people do: `cpu/2` before `cpu/10`. */
export const byName: (a: string, b: string) => number =
  new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

/** Inserts `child` where its `data-order` belongs among its siblings, which are in order already. */
export function insertInOrder(parent: HTMLElement, child: HTMLElement): void {
  const siblings = parent.children;
  let low = 0;
  let high = siblings.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = (siblings[middle] as HTMLElement).dataset["order"] ?? "";
    if (byName(order, child.dataset["order"] ?? "") < 0) low = middle + 1;
    else high = middle;
  }
  parent.insertBefore(child, siblings[low] ?? null);
}

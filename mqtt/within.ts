/**
 * Waiting that ends.
 *
 * @module
 */

/** Waits, but not for ever; failing is left to others to tell of. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([work.catch(() => {}), new Promise<void>((late) => timer = setTimeout(late, ms))]);
  clearTimeout(timer);
}

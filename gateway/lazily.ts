/**
 * What is made when it is first asked for.
 *
 * @module
 */

/** Makes a thing once, at the first call; one that failed is tried again at the next. */
export function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    if (made) return made;
    const making = made = make();
    making.catch(() => {
      if (made === making) made = undefined;
    });
    return making;
  };
}

/**
 * The names of JSR's `@std/assert` over `node:assert/strict`, so that the tests run where JSR cannot be
 * reached. deno.json's `imports` points `@std/assert` here; pointing it at `jsr:@std/assert@1` is a one-line
 * change.
 *
 * @module
 */
import nodeAssert from "node:assert/strict";

/** Thrown by every assertion here. */
export const AssertionError = nodeAssert.AssertionError;

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) {
    throw new AssertionError({
      message: msg || "expected a truthy value",
      actual: expr,
      expected: true,
      operator: "==",
    });
  }
}

/** node:assert takes an absent message as undefined, which its types leave out. */
function text(msg: string | undefined): string {
  return msg as string;
}

/** Fails unless both are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, text(msg));
}

/** Fails when both are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, text(msg));
}

/** Fails unless both are the same by `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  nodeAssert.strictEqual(actual, expected, text(msg));
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) {
    throw new AssertionError({
      message: msg ?? `expected ${JSON.stringify(actual)} to include ${JSON.stringify(expected)}`,
    });
  }
}

/** Fails unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  nodeAssert.match(actual, expected, text(msg));
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) {
    throw new AssertionError({ message: msg ?? `expected ${actual} > ${expected}`, actual, expected });
  }
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) {
    throw new AssertionError({ message: msg ?? `expected ${actual} >= ${expected}`, actual, expected });
  }
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) {
    throw new AssertionError({ message: msg ?? `expected ${actual} < ${expected}`, actual, expected });
  }
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) {
    throw new AssertionError({ message: msg ?? `expected ${actual} <= ${expected}`, actual, expected });
  }
}

/** Fails unless the numbers differ by at most `tolerance`. */
export function assertAlmostEquals(actual: number, expected: number, tolerance = 1e-7, msg?: string): void {
  if (!(Math.abs(actual - expected) <= tolerance)) {
    throw new AssertionError({
      message: msg ?? `expected ${actual} within ${tolerance} of ${expected}`,
      actual,
      expected,
    });
  }
}

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

function checkError<E extends Error>(error: unknown, errorClass?: ErrorClass<E>, includes?: string): E {
  if (errorClass && !(error instanceof errorClass)) {
    throw new AssertionError({
      message: `expected ${errorClass.name}, got ${error instanceof Error ? error.stack : error}`,
    });
  }
  if (includes !== undefined) assertStringIncludes((error as Error).message, includes);
  return error as E;
}

/** Fails unless `fn` throws (an `errorClass` whose message includes `includes`); returns the error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass?: ErrorClass<E>,
  includes?: string,
): E {
  let error: unknown;
  let threw = false;
  try {
    fn();
  } catch (caught) {
    error = caught;
    threw = true;
  }
  if (!threw) throw new AssertionError({ message: "expected the function to throw" });
  return checkError(error, errorClass, includes);
}

/** Fails unless the promise that `fn` returns rejects; resolves to the error. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass?: ErrorClass<E>,
  includes?: string,
): Promise<E> {
  let error: unknown;
  let threw = false;
  try {
    await fn();
  } catch (caught) {
    error = caught;
    threw = true;
  }
  if (!threw) throw new AssertionError({ message: "expected the promise to reject" });
  return checkError(error, errorClass, includes);
}

/** Fails always. */
export function fail(msg = "failed"): never {
  throw new AssertionError({ message: msg });
}

/** Marks code that cannot be reached. */
export function unreachable(msg = "unreachable"): never {
  throw new AssertionError({ message: msg });
}

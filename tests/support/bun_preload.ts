/**
 * Lets test files written for `deno test` run under `bun test`: `Deno.test` in terms of Bun's own, and the alias
 * that deno.json gives `@std/assert`. Files that use more of Deno than that are left to Deno.
 *
 * @module
 */
import process from "node:process";

/**
 * Longest that one test may take, in milliseconds. Bun's own default of five seconds fails what is only slow: there are
 * tests of some seconds, on machines with much else to do.
 */
const TIMEOUT_MS = 300_000;

type TestBody = () => void | Promise<void>;
type DefineTest = (name: string, body: TestBody, timeoutMs: number) => void;

interface BunTest {
  test: DefineTest;
}

interface BunPlugin {
  name: string;
  setup(build: { module(name: string, load: () => { exports: object; loader: "object" }): void }): void;
}

// The name is put together since Deno's type check knows no such scheme.
const bunTest: BunTest = await import(["bun", "test"].join(":"));
const { Bun: bun } = globalThis as unknown as { Bun: { plugin(plugin: BunPlugin): void } };
const assertions = await import("./assert.ts");

bun.plugin({
  name: "aliases of deno.json",
  setup: (build) => build.module("@std/assert", () => ({ exports: assertions, loader: "object" })),
});

function define(name: string, body: TestBody): void {
  bunTest.test(`[Bun, unit tests] ${name}`, () => body(), TIMEOUT_MS);
}

Object.assign(globalThis, {
  Deno: { test: define, env: { get: (name: string) => process.env[name] } },
});

/**
 * Chromium for tests of the page: a fresh profile, nothing in the background, and a record of everything that
 * a page must not do.
 *
 * @module
 */
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

/** Chromium's executable. */
export const CHROMIUM: string = Deno.env.get("CHROMIUM_BIN") ?? "/usr/bin/chromium";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Longest that one step of a test may take, in milliseconds: a machine with others on it may be ten times slower. */
const STEP_TIMEOUT_MS = 120_000;

/** A page, with what it did wrong so far. */
export interface WatchedPage {
  page: Page;
  /** Console errors, uncaught exceptions, violations of the content security policy, requests to other hosts. */
  faults: string[];
}

/** A running Chromium. */
export class TestBrowser implements AsyncDisposable {
  #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** `executable` stands in for Chromium's own, such as a script that starts it in another network. */
  static async start(executable: string = CHROMIUM): Promise<TestBrowser> {
    return new TestBrowser(
      await chromium.launch({ executablePath: executable, args: ARGUMENTS, timeout: STEP_TIMEOUT_MS }),
    );
  }

  /** Opens an empty page in a profile of its own. `origin` is the only host that it may ask. */
  async open(origin: string, options: Parameters<Browser["newContext"]>[0] = {}): Promise<WatchedPage> {
    const context = await this.#browser.newContext(options);
    const faults: string[] = [];
    context.setDefaultTimeout(STEP_TIMEOUT_MS);
    await watch(context, new URL(origin).host, faults);
    return { page: await context.newPage(), faults };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

async function watch(context: BrowserContext, host: string, faults: string[]): Promise<void> {
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.host !== host && url.protocol !== "data:" && url.protocol !== "blob:") {
      faults.push(`request to another host: ${url}`);
    }
  });
  context.on("console", (message) => {
    if (message.type() === "error") faults.push(`console error: ${message.text()}`);
  });
  context.on("weberror", (error) => faults.push(`uncaught: ${error.error().message}`));
  await context.exposeFunction("reportViolation", (what: string) => faults.push(`policy violation: ${what}`));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      const { violatedDirective, blockedURI } = event as Event & Record<string, unknown>;
      (globalThis as unknown as { reportViolation(what: string): void }).reportViolation(
        `${violatedDirective} ${blockedURI}`,
      );
    });
  });
}

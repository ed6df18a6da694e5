/**
 * A whole installation on an emulated link: gateway and device on one side, Chromium with the SDK on the other.
 *
 * @module
 */
import type { Page } from "playwright-core";
import { CHROMIUM, TestBrowser } from "../browser.ts";
import { sdkPage } from "../browser_sdk.ts";
import type { Form } from "../forms.ts";
import { GatewayProcess } from "../gateway_process.ts";
import { type LinkProfile, Network, type Side } from "./network.ts";
import type { SourceJob, SourceReport } from "./source.ts";

/** The device runs on Bun: Deno's WebSocket client leaves Nagle's algorithm on, which holds small messages for 40 ms. */
const BUN = Deno.env.get("TIDEGATE_BUN") ?? "bun";
const SOURCE = new URL("./source.ts", import.meta.url).pathname;

/** How to set a site up. */
export interface SiteOptions {
  /** Sides beside `gateway` and `client`. */
  sides?: readonly string[];
  profile?: LinkProfile;
  /** Further arguments of the gateway. */
  gatewayArgs?: (network: Network) => string[];
  /** Seconds after which the network ends by itself. */
  lifetimeS?: number;
}

/** The running installation. */
export class Site implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  #browser: Promise<TestBrowser> | undefined;

  private constructor(
    readonly network: Network,
    readonly gateway: GatewayProcess,
    stack: AsyncDisposableStack,
  ) {
    this.#stack = stack;
  }

  static async start(form: Form, options: SiteOptions = {}): Promise<Site> {
    await using stack = new AsyncDisposableStack();
    const sides = ["gateway", "client", ...options.sides ?? []];
    const life = options.lifetimeS === undefined ? {} : { lifetimeS: options.lifetimeS };
    const network = stack.use(await Network.start(sides, options.profile, life));
    const side = network.side("gateway");
    const args = ["--listen", `${side.address}:0`, "--insecure-listen", "--mqtt-listen", "off"];
    const gateway = stack.use(
      await GatewayProcess.start(side.form(form), {
        args: [...args, ...options.gatewayArgs?.(network) ?? []],
      }),
    );
    return new Site(network, gateway, stack.move());
  }

  get gatewaySide(): Side {
    return this.network.side("gateway");
  }

  get clientSide(): Side {
    return this.network.side("client");
  }

  /** Opens a page with the SDK, in a Chromium on the client's side. */
  async page(): Promise<{ page: Page; faults: string[] }> {
    this.#browser ??= this.#startBrowser();
    return await sdkPage(await this.#browser, this.gateway.url);
  }

  async #startBrowser(): Promise<TestBrowser> {
    const script = await this.clientSide.script(CHROMIUM);
    this.#stack.defer(() => Deno.remove(script));
    return this.#stack.use(await TestBrowser.start(script));
  }

  /** Starts a device on the gateway's side; `stop` ends it and says what it made. */
  async source(job: Omit<SourceJob, "url" | "token">): Promise<{ stop(): Promise<SourceReport> }> {
    const whole: SourceJob = { ...job, url: this.gateway.url, token: this.gateway.token };
    const { program, args } = this.gatewaySide.command(BUN, [SOURCE, JSON.stringify(whole)]);
    const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "inherit" })
      .spawn();
    this.#stack.defer(async () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await child.status;
    });
    const reader = child.stdout.getReader();
    const decoder = new TextDecoder();
    const first = await reader.read();
    if (first.done) throw new Error("the device ended before it began; its reason is above");
    return {
      async stop() {
        await child.stdin.close();
        let text = "";
        for (let read = await reader.read(); !read.done; read = await reader.read()) {
          text += decoder.decode(read.value);
        }
        return JSON.parse(text) as SourceReport;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/**
 * Runs one suite against every shipped form of the gateway.
 *
 * @module
 */
import { type Form, shippedForms } from "./forms.ts";
import { GatewayProcess, type StartOptions } from "./gateway_process.ts";

/** How a suite registers its tests for one form. */
export interface FormTests {
  readonly form: Form;
  /** A test on a gateway that the file's tests of this form share: it must leave it running. */
  test(name: string, body: (gateway: GatewayProcess) => Promise<void>): void;
  /** A test with a gateway, or several, of its own. */
  alone(
    name: string,
    body: (start: (options?: StartOptions) => Promise<GatewayProcess>) => Promise<void>,
  ): void;
}

/** The gateway that tests share, one at a time: the next form's ends the former's. */
let shared: { form: Form; gateway: Promise<GatewayProcess> } | undefined;

async function endShared(): Promise<void> {
  const former = shared;
  shared = undefined;
  await (await former?.gateway.catch(() => undefined))?.[Symbol.asyncDispose]();
}

async function sharedGateway(form: Form): Promise<GatewayProcess> {
  if (shared?.form !== form) {
    await endShared();
    shared = { form, gateway: GatewayProcess.start(form) };
  }
  return await shared!.gateway;
}

function register(form: Form, name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `[${form.name}] ${name}`,
    fn,
    // The shared gateway outlives a test on purpose.
    sanitizeOps: false,
    sanitizeResources: false,
  });
}

/** Calls `define` once for every form; ends the shared gateway after the last test of the file. */
export function eachForm(define: (tests: FormTests) => void): void {
  Deno.test.afterAll(endShared);
  for (const form of shippedForms()) {
    define({
      form,
      test: (name, body) => register(form, name, async () => await body(await sharedGateway(form))),
      alone: (name, body) =>
        register(form, name, async () => {
          await using stack = new AsyncDisposableStack();
          await body(async (options) => stack.use(await GatewayProcess.start(form, options)));
        }),
    });
  }
}

/**
 * Whether a form is left out by suites that do not see how the program is packed, which run from source unless
 * `TIDEGATE_FORMS` asks for others.
 */
export function packedAlike(form: Form): boolean {
  return !form.name.endsWith("source") && Deno.env.get("TIDEGATE_FORMS") === undefined;
}

let names = 0;

/** A device name that no other test of this process uses. */
export function uniqueName(prefix = "dev"): string {
  return `${prefix}-${++names}`;
}

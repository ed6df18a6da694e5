/**
 * Firewalls and relays between Chromium and the gateway, in network namespaces. Needs root, as the link does; without
 * it these tests are left out.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { Link, NEAR } from "../support/link.ts";
import { browserOnLink, gatewayOnLink, LINK_URL, LinkProgram, runInside } from "../support/link_gateway.ts";

interface Watched {
  ways: { transport: string; cause: string; atMs: number }[];
  offsets: number[];
  errors: string[];
}

/** Opens a page with a dashboard that watches the gateway's own machine, and keeps its ways. */
async function watch(page: Page, token: string): Promise<void> {
  await page.goto(LINK_URL);
  await page.evaluate(async (token) => {
    const sdk = await import("/sdk/tidegate.js" as string);
    const watched: Watched = { ways: [], offsets: [], errors: [] };
    addEventListener("error", (event) => watched.errors.push(event.message));
    const dashboard = sdk.connectDashboard({ token });
    dashboard.onStatus((status: Record<string, string>) => {
      if (status["state"] !== "open") return;
      const { transport = "", transportCause: cause = "" } = status;
      if (watched.ways.at(-1)?.transport === transport && watched.ways.at(-1)?.cause === cause) return;
      watched.ways.push({ transport, cause, atMs: performance.now() });
    });
    dashboard.subscribe("+/#", {
      onSample: (sample: { offset: number }) => watched.offsets.push(sample.offset),
    });
    Object.assign(globalThis, { watched, dashboard });
  }, token);
}

const watched = (page: Page) => page.evaluate(() => (globalThis as unknown as { watched: Watched }).watched);

/** Waits until the state samples take this transport. */
async function way(page: Page, transport: string): Promise<void> {
  await page.waitForFunction(
    (transport) =>
      (globalThis as unknown as { watched: Watched }).watched.ways.at(-1)?.transport === transport,
    transport,
    { timeout: 30_000 },
  );
}

/** Has nftables at the far end drop what these words match. */
async function firewall(link: Link, ...rules: string[]): Promise<void> {
  await runInside(link, "far", "nft", ["add", "table", "inet", "wall"]);
  const chain = "{ type filter hook output priority 0 ; }";
  await runInside(link, "far", "nft", ["add", "chain", "inet", "wall", "out", chain]);
  for (const rule of rules) await runInside(link, "far", "nft", ["add", "rule", "inet", "wall", "out", rule]);
}

async function onLink(
  args: string[],
  test: (parts: { link: Link; page: Page; token: string }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tidegate-link-" });
  try {
    await using link = await Link.start();
    await link.set({ delayMs: 5 });
    const { token, program } = await gatewayOnLink(link, "Deno, source", `${folder}/data`, [
      "--agent",
      ...args,
    ]);
    await using _gateway = program;
    const browser = await browserOnLink(link, folder);
    try {
      await test({ link, page: await browser.newPage(), token });
    } finally {
      await browser.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function linkTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: !Link.possible, sanitizeOps: false, sanitizeResources: false });
}

linkTest(
  "a page behind a firewall that drops UDP stays on the WebSocket and notices nothing",
  () =>
    onLink([], async ({ link, page, token }) => {
      await firewall(link, "udp dport != 53 drop");
      await watch(page, token);
      await page.waitForFunction(() =>
        (globalThis as unknown as { watched: Watched }).watched.offsets.length > 10
      );
      await page.waitForFunction(
        () =>
          (globalThis as unknown as { watched: Watched }).watched.ways.some(({ cause }) =>
            /UDP|no path/.test(cause)
          ),
        undefined,
        { timeout: 30_000 },
      );
      const { ways, errors } = await watched(page);
      assert(ways.every(({ transport }) => transport === "websocket"), JSON.stringify(ways));
      assertEquals(errors, []);
    }),
);

linkTest(
  "a page whose UDP is dropped on the way is on the WebSocket within a second or so, and comes back",
  () =>
    onLink([], async ({ link, page, token }) => {
      await watch(page, token);
      await way(page, "webrtc");
      const from = await page.evaluate(() => performance.now());
      await link.set({ udp: false });
      await way(page, "websocket");
      const { ways } = await watched(page);
      // from the last thing that got through; the clock of the page, the walls' own time and a busy machine beside
      assert(ways.at(-1)!.atMs - from < 2_500, `${ways.at(-1)!.atMs - from} ms`);
      await link.set({ udp: true });
      await way(page, "webrtc").catch(async (error) => {
        throw new Error(JSON.stringify((await watched(page)).ways), { cause: error });
      });
    }),
);

linkTest("a page that may talk to the TURN server alone gets its stream through the relay", () => {
  const turn = `turn:${NEAR}:3478?transport=udp`;
  return onLink(["--rtc-ice-servers", turn, "--rtc-turn-secret", "north"], async ({ link, page, token }) => {
    const options = [
      "-n",
      "--no-cli",
      "--no-tls",
      "--no-dtls",
      "--realm",
      "tidegate",
      "--log-file",
      "/dev/null",
    ];
    const auth = ["--use-auth-secret", "--static-auth-secret", "north"];
    const addresses = ["--listening-ip", NEAR, "--relay-ip", NEAR];
    await using _turn = LinkProgram.start(link, "near", "turnserver", [...options, ...auth, ...addresses]);
    await firewall(link, "udp dport 3478 accept", "udp dport != 53 drop");
    await watch(page, token);
    await way(page, "webrtc");
    const pair = await page.evaluate(async (token) => {
      const headers = { authorization: `Bearer ${token}` };
      const { sessions } = await (await fetch("/v1/sessions?limit=5", { headers })).json();
      const session = sessions.find(({ transport }: { transport: string }) => transport === "webrtc");
      const { events } = await (await fetch(`/v1/sessions/${session.id}/events`, { headers })).json();
      return JSON.stringify(events.filter(({ kind }: { kind: string }) => kind === "webrtc_open"));
    }, token);
    assertStringIncludes(pair, "relay");
  });
});

/**
 * The SDK in a page of somebody else's server: a file beside the page, and an origin that the gateway was told of.
 *
 * @module
 */
import { assertStringIncludes } from "@std/assert";
import { TestBrowser } from "../support/browser.ts";
import { shippedForms } from "../support/forms.ts";
import { GatewayProcess } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { openSocket } from "../support/peer.ts";

/** As docs/SDK.md has it, with what the page shows instead of what it logs. */
const PAGE = `<!doctype html><link rel="icon" href="data:,"><title></title><p></p><script type="module">
import { connectDashboard } from "./tidegate.js";
const [url, token] = location.hash.slice(1).split("&").map(decodeURIComponent);
const dash = connectDashboard({ url, token });
dash.onStatus((status) => document.title = status.reason ?? status.state);
dash.subscribe("+/text", { onSample: (sample) => document.querySelector("p").textContent = sample.value });
</script>`;

function serveSite(sdk: string): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const script = new URL(request.url).pathname === "/tidegate.js";
    const type = script ? "text/javascript" : "text/html";
    return new Response(script ? sdk : PAGE, { headers: { "content-type": type } });
  });
}

Deno.test("a page of another origin uses its own copy of the SDK where it is allowed, else the log says why not", async () => {
  const sdk = await Deno.readTextFile(new URL("../../web/dist/sdk/tidegate.js", import.meta.url));
  const [site, stranger] = [serveSite(sdk), serveSite(sdk)];
  const [at, elsewhere] = [site, stranger].map(({ addr }) => `http://127.0.0.1:${addr.port}`);
  try {
    await using gateway = await GatewayProcess.start(shippedForms()[0]!, {
      args: ["--allowed-origins", at!],
    });
    const device = await openSocket(gateway, "/v1/device", {
      token: await operator.addDevice(gateway, "pump"),
      protocols: [],
    });
    await device.sendText("612");
    const { token } = await operator.dashboardToken(gateway, { read: ["pump/#"] });
    const hash = `#${encodeURIComponent(gateway.url)}&${encodeURIComponent(token)}`;
    await using browser = await TestBrowser.start();

    const { page } = await browser.open(at!);
    await page.goto(`${at}/${hash}`);
    await page.locator("p", { hasText: "612" }).waitFor();

    const { page: foreign } = await browser.open(elsewhere!);
    await foreign.goto(`${elsewhere}/${hash}`);
    await foreign.waitForFunction(() => document.title.includes("the page's origin"));
    const line = await gateway.says(/turned down .*/);
    assertStringIncludes(line, elsewhere!);
    assertStringIncludes(line, "--allowed-origins");
    device.cut();
  } finally {
    await Promise.all([site.shutdown(), stranger.shutdown()]);
  }
});

/** The live page tells why it is on its transport, and operators why all others are, in Chromium on the gateway. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connectDashboard } from "../../client/mod.ts";
import { TestBrowser } from "../support/browser.ts";
import { eachForm } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";

eachForm(({ form, alone }) => {
  if (form.name !== "Deno, source" && form.name !== "Bun, source") return;
  alone("the page says why it is on its transport, and an operator's why every session is", async (start) => {
    const gateway = await start();
    await using browser = await TestBrowser.start();
    const { token } = await operator.dashboardToken(gateway);
    using dashboard = connectDashboard({
      url: gateway.url,
      token,
      environment: { RTCPeerConnection: undefined },
    });
    await dashboard.opened();

    const { page, faults } = await browser.open(gateway.url);
    await page.goto(`${gateway.url}/#token=${gateway.token}`);
    await page.locator(".pill", { hasText: /live by WebRTC/ }).click();
    const details = page.locator("#connection");
    const why = details.locator("div", { has: page.getByText("Why this transport", { exact: true }) })
      .locator("dd")
      .first();
    assertMatch((await why.textContent())!, /the state lane answers within/);
    const rows = details.locator("tbody tr");
    await details.locator('tr[data-transport="webrtc"]').waitFor();
    const texts = await rows.allInnerTexts();
    assertEquals(texts.length, 2);
    const own = texts.find((text) => text.startsWith("this page"));
    assert(own, texts.join("\n"));
    assertMatch(own, /WebRTC\s.*ms\s.*directly/s);
    const other = texts.find((text) => text !== own)!;
    assertMatch(other, /WebSocket.*has made no offer.*→ in Deno, Bun and Node/s);
    await page.setViewportSize({ width: 360, height: 740 });
    const list = details.locator(".sessions");
    assertEquals(
      await list.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth),
      0,
      "a phone shows every column",
    );
    assertEquals(faults, []);

    const reader = await browser.open(gateway.url);
    await reader.page.goto(`${gateway.url}/#token=${token}`);
    await reader.page.locator(".pill", { hasText: /live by WebRTC/ }).click();
    await reader.page.getByText("Why this transport", { exact: true }).waitFor();
    assert(
      await reader.page.locator(".sessions").isHidden(),
      "a dashboard's token sees its own session alone",
    );
    assertEquals(reader.faults, []);

    const { transports } = await operator.get(gateway, "/v1/transports") as {
      transports: { session: string; transport: string; webrtc: { selected: object } | null }[];
    };
    const [mine] = transports.filter(({ transport }) => transport === "webrtc");
    assert(mine?.webrtc?.selected, "the selected pair is known");
  });
});

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { addressKey } from "../../access/address.ts";
import { ATTEMPT_EVERY_MS, ATTEMPTS_BURST, FailedAttempts, MAX_ADDRESSES } from "../../access/attempts.ts";
import { credentialsOf, loginCookie, logoutCookie, offeredSubprotocols } from "../../access/credentials.ts";
import { allowedOriginProblem, checkOrigin } from "../../access/origin.ts";
import { testAccess } from "./support.ts";

const HOST = { host: "gw.local:8080" };

function request(headers: Record<string, string>, more: { method?: string; upgrade?: boolean } = {}) {
  return {
    method: "GET",
    upgrade: false,
    remote: "10.0.0.9:1234",
    headers: new Headers({ ...HOST, ...headers }),
    ...more,
  };
}

Deno.test("credentials are found in each of their four places", () => {
  const of = (headers: Record<string, string>) => credentialsOf(new Headers(headers));
  assertEquals(of({}), { via: "none" });
  assertEquals(of({ authorization: "Bearer tg_x" }), { via: "bearer", token: "tg_x" });
  assertEquals(of({ authorization: "bearer  tg_x " }), { via: "bearer", token: "tg_x" });
  assertEquals(of({ authorization: `Basic ${btoa("pump:tg:x")}` }), {
    via: "basic",
    user: "pump",
    token: "tg:x",
  });
  assertEquals(of({ "sec-websocket-protocol": "tidegate.v1, tidegate.token.tg_x" }), {
    via: "subprotocol",
    token: "tg_x",
  });
  assertEquals(of({ cookie: "a=b; tidegate=tg_x; c=d" }), { via: "cookie", token: "tg_x" });
  assertEquals(of({ cookie: "xtidegate=1; tidegatex=2; tidegate=" }), { via: "none" });
});

Deno.test("an explicit token goes before the cookie, and a malformed one is not passed over", () => {
  const of = (headers: Record<string, string>) => credentialsOf(new Headers(headers)).via;
  assertEquals(of({ authorization: "Bearer a", cookie: "tidegate=b" }), "bearer");
  assertEquals(of({ "sec-websocket-protocol": "tidegate.token.a", cookie: "tidegate=b" }), "subprotocol");
  for (
    const authorization of [
      "",
      "Bearer",
      "Bearer a b",
      "Bearer a, Bearer b",
      "Digest x",
      "Basic !",
      "Basic YQ==",
    ]
  ) {
    assertEquals(of({ authorization, cookie: "tidegate=b" }), "malformed", authorization);
  }
  assertEquals(of({ "sec-websocket-protocol": "tidegate.token.a,tidegate.token.b" }), "malformed");
  assertEquals(of({ cookie: "tidegate=a; tidegate=b" }), "malformed");
});

Deno.test("any header text yields credentials without throwing, and a problem never repeats it", () => {
  const text = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
    minLength: 4,
  });
  const name = fc.constantFrom("authorization", "cookie", "sec-websocket-protocol");
  const prefix = fc.constantFrom("", "Bearer ", "Basic ", "tidegate=", "tidegate.token.");
  fc.assert(fc.property(name, prefix, text, (header, start, rest) => {
    const credentials = credentialsOf(new Headers({ [header]: start + rest }));
    if (credentials.via === "malformed" && rest.trim().length > 8) {
      assert(!credentials.problem.includes(rest.trim()));
    }
  }));
});

Deno.test("Basic credentials round-trip for any user and password", () => {
  const user = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(":", ""));
  fc.assert(fc.property(user, fc.string({ unit: "grapheme", minLength: 1 }), (name, token) => {
    const bytes = new TextEncoder().encode(`${name}:${token}`);
    const authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
    const credentials = credentialsOf(new Headers({ authorization }));
    assertEquals(credentials, { via: "basic", user: name, token });
  }));
});

Deno.test("the subprotocols that may be confirmed never include a token", () => {
  const headers = new Headers({ "sec-websocket-protocol": " tidegate.v1 ,tidegate.token.tg_x,, other" });
  assertEquals(offeredSubprotocols(headers), ["tidegate.v1", "other"]);
  assertEquals(offeredSubprotocols(new Headers()), []);
});

Deno.test("the cookie is HttpOnly, SameSite=Strict and, under TLS, Secure", () => {
  const cookie = loginCookie("tg_x", { secure: true });
  assertEquals(cookie, "tidegate=tg_x; Path=/; Max-Age=34560000; HttpOnly; SameSite=Strict; Secure");
  assert(!loginCookie("tg_x", { secure: false }).includes("Secure"));
  assert(logoutCookie({ secure: false }).startsWith("tidegate=; Path=/; Max-Age=0;"));
});

Deno.test("the origin must be the host that was asked, or allowed by name", () => {
  const allowed = new Set(["https://ops.example.org"]);
  const check = (origin: string, host = "gw.local:8080") =>
    checkOrigin(new Headers({ origin, host }), allowed);
  assertEquals(checkOrigin(new Headers(HOST), allowed), "none");
  assertEquals(check("http://gw.local:8080"), "same");
  assertEquals(check("https://GW.local:8080"), "same");
  assertEquals(check("https://gw.local", "gw.local"), "same");
  assertEquals(check("https://gw.local", "gw.local:443"), "same");
  assertEquals(check("http://[::1]:8080", "[::1]:8080"), "same");
  assertEquals(check("https://ops.example.org"), "allowed");
  for (
    const origin of [
      "null",
      "http://gw.local",
      "http://gw.local:8081",
      "http://gw.local.evil.org:8080",
      "http://evil.org/gw.local:8080",
      "http://ops.example.org",
      "https://ops.example.org:444",
      "file://gw.local:8080",
      "chrome-extension://gw.local:8080",
      "gw.local:8080",
    ]
  ) assertEquals(check(origin), "foreign", origin);
  for (const host of ["gw.local:8080/x", "evil@gw.local:8080", "", "gw.local:8080?x", " "]) {
    assertEquals(check("http://gw.local:8080", host), "foreign", host);
  }
});

Deno.test("where HTTP/2 has no Host header, the origin must be the host of the URL", () => {
  const check = (origin: string, url?: string) => checkOrigin(new Headers({ origin }), new Set(), url);
  assertEquals(check("https://gw.local:8443", "https://gw.local:8443/v1/devices"), "same");
  assertEquals(check("https://gw.local", "https://gw.local:443/v1/devices"), "same");
  assertEquals(check("https://gw.local:1", "https://gw.local:8443/v1/devices"), "foreign");
  assertEquals(check("https://gw.local:8443"), "foreign");
  const headers = new Headers({ origin: "https://evil.org", host: "gw.local" });
  assertEquals(
    checkOrigin(headers, new Set(), "https://evil.org/"),
    "foreign",
    "the header goes before the URL",
  );
});

Deno.test("an allowed origin that is more than an origin is refused as a setting", () => {
  assertEquals(allowedOriginProblem("https://ops.example.org"), undefined);
  for (const bad of ["*", "ops.example.org", "https://ops.example.org/", "https://OPS.example.org", "null"]) {
    assert(allowedOriginProblem(bad), bad);
  }
});

Deno.test("the gate lets a right token in wherever it is presented", async () => {
  const { gate, tokens, devices } = testAccess();
  const { token } = await tokens.create({ role: "operator" });
  const device = await devices.add("pump");
  for (
    const headers of [
      { authorization: `Bearer ${token}` },
      { cookie: `tidegate=${token}` },
      { "sec-websocket-protocol": `tidegate.v1, tidegate.token.${token}` },
      { authorization: `Basic ${btoa(`pump:${device.token}`)}` },
    ] as Record<string, string>[]
  ) assertEquals(gate.admit(request(headers)).ok, true);
});

Deno.test("the gate says why it refuses, and tells the peer nothing of the token's fate", async () => {
  const { gate, tokens, devices, clock } = testAccess();
  const revoked = await tokens.create({ role: "operator" });
  await tokens.revoke(revoked.info.id);
  const expired = await tokens.create({ role: "operator", expiresAt: clock.ms + 1 });
  clock.ms += 1;
  const device = await devices.add("pump");
  const operator = await tokens.create({ role: "operator" });
  const messages = new Set<string>();
  const cases = [
    [{}, "missing"],
    [{ authorization: "Bearer a b" }, "malformed"],
    [{ authorization: `Bearer ${revoked.token}` }, "revoked"],
    [{ authorization: `Bearer ${expired.token}` }, "expired"],
    [{ authorization: `Bearer tg_0123456789_${"A".repeat(43)}` }, "unknown"],
    [{ authorization: `Basic ${btoa(`fan:${device.token}`)}` }, "user_mismatch"],
    [{ authorization: `Basic ${btoa(`:${operator.token}`)}` }, "user_mismatch"],
  ] as const;
  for (const [headers, reason] of cases) {
    const admission = gate.admit(request(headers));
    assert(!admission.ok);
    assertEquals([admission.status, admission.reason], [401, reason]);
    assertEquals(gate.refused[reason] >= 1, true);
    if (["revoked", "expired", "unknown"].includes(reason)) messages.add(admission.message);
  }
  assertEquals(messages.size, 1);
});

Deno.test("upgrades and changes with a cookie need an origin of ours; reads and other credentials do not", async () => {
  const { gate, tokens } = testAccess({ allowedOrigins: ["https://ops.example.org"] });
  const { token } = await tokens.create({ role: "operator" });
  const cookie = { cookie: `tidegate=${token}` };
  const bearer = { authorization: `Bearer ${token}` };
  const outcome = (headers: Record<string, string>, more: { method?: string; upgrade?: boolean }) => {
    const admission = gate.admit(request(headers, more));
    return admission.ok ? "in" : admission.reason;
  };
  const own = { origin: "http://gw.local:8080" };
  const foreign = { origin: "http://gw.local:3000" };
  const change = { method: "POST" };
  const upgrade = { upgrade: true };
  assertEquals(outcome({ ...cookie, ...own }, change), "in");
  assertEquals(outcome({ ...cookie, origin: "https://ops.example.org" }, change), "in");
  assertEquals(outcome({ ...cookie, ...foreign }, change), "origin");
  assertEquals(outcome({ ...cookie, origin: "null" }, change), "origin");
  assertEquals(outcome(cookie, change), "origin");
  assertEquals(outcome(cookie, { method: "GET" }), "in");
  assertEquals(outcome(bearer, change), "in");
  assertEquals(outcome({ ...bearer, ...foreign }, change), "in");
  assertEquals(outcome({ ...cookie, ...own }, upgrade), "in");
  assertEquals(outcome({ ...cookie, ...foreign }, upgrade), "origin");
  assertEquals(outcome(cookie, upgrade), "origin");
  assertEquals(outcome(bearer, upgrade), "in");
  assertEquals(outcome({ ...bearer, ...foreign }, upgrade), "origin");
});

Deno.test("an address with too many wrong tokens is told to wait; a right token passes all the same", async () => {
  const { gate, tokens, clock } = testAccess();
  const { token } = await tokens.create({ role: "operator" });
  const wrong = request({ authorization: "Bearer wrong" });
  for (let i = 0; i < ATTEMPTS_BURST; i++) {
    assertEquals((gate.admit(wrong) as { status: number }).status, 401);
  }
  const limited = gate.admit(wrong);
  assert(!limited.ok && limited.status === 429 && limited.retryAfterS === 6);
  assertEquals(gate.admit(request({ authorization: `Bearer ${token}` })).ok, true);
  assertEquals((gate.admit({ ...wrong, remote: "10.0.0.10:1" }) as { status: number }).status, 401);
  clock.ms += ATTEMPT_EVERY_MS;
  assertEquals((gate.admit(wrong) as { status: number }).status, 401);
});

Deno.test("the table of addresses stays bounded", () => {
  const attempts = new FailedAttempts(() => 0);
  for (let i = 0; i < MAX_ADDRESSES + 500; i++) {
    attempts.failed(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:1`);
  }
  assertEquals(attempts.size, MAX_ADDRESSES);
});

Deno.test("limits count IPv4 addresses and IPv6 networks, whatever the port", () => {
  assertEquals(addressKey("10.0.0.1:80"), "10.0.0.1");
  assertEquals(addressKey("[::ffff:10.0.0.1]:80"), "10.0.0.1");
  assertEquals(addressKey("[2001:db8:0:1::5]:80"), addressKey("[2001:0DB8:0000:0001:a:b:c:d]:9"));
  assertEquals(addressKey("[2001:db8:0:1::5]:80") === addressKey("[2001:db8:0:2::5]:80"), false);
  assertEquals(addressKey("[::1]:80"), "0:0:0:0::/64");
});

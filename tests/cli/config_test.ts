import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../cli/errors.ts";
import { type ConfigInput, isLoopback, loadConfig, SETTINGS } from "../../cli/load_config.ts";
import { configJson, configTable } from "../../cli/print_config.ts";

function load(input: Partial<ConfigInput> = {}) {
  return loadConfig({ flags: {}, env: {}, ...input });
}

async function withFile(content: unknown, use: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tidegate-config-"));
  const file = join(folder, "tidegate.json");
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  try {
    await use(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function message(input: Partial<ConfigInput>): Promise<string> {
  return (await assertRejects(() => load(input), UserError)).message;
}

Deno.test("config holds its defaults when nothing is said", async () => {
  const { config } = await load();
  assertEquals(config.listen, { hostname: "127.0.0.1", port: 8080 });
  assertEquals(config.data, "./data");
  assertEquals(config.retention, { maxBytes: 2_000_000_000, maxAge: 30 * 86_400_000 });
  assertEquals(config.limits, { idleTimeout: 30_000, resumeWithin: 60_000 });
  assertEquals(config.agent, false);
  assertEquals(config.tlsCert, undefined);
});

Deno.test("config takes flags over environment over file over defaults", async () => {
  await withFile(
    { data: "from-file", retention: { maxAge: "1d", maxBytes: "1GB" }, agent: true },
    async (configFile) => {
      const { config, resolved } = await load({
        configFile,
        env: { TIDEGATE_RETENTION_MAX_AGE: "2d", TIDEGATE_LISTEN: "127.0.0.1:1", HOME: "/x" },
        flags: { listen: "localhost:0", agent: false },
      });
      assertEquals(config.data, "from-file");
      assertEquals(config.retention, { maxBytes: 1e9, maxAge: 2 * 86_400_000 });
      assertEquals(config.listen, { hostname: "localhost", port: 0 });
      assertEquals(config.agent, false);
      assertEquals(resolved.get("data")?.source, configFile);
      assertEquals(resolved.get("retention.maxAge")?.source, "TIDEGATE_RETENTION_MAX_AGE");
      assertEquals(resolved.get("listen")?.source, "--listen");
      assertEquals(resolved.get("log.level")?.source, "default");
    },
  );
});

Deno.test("config finds the file that TIDEGATE_CONFIG names", async () => {
  await withFile({ log: { format: "json" } }, async (file) => {
    assertEquals((await load({ env: { TIDEGATE_CONFIG: file } })).config.log.format, "json");
  });
});

Deno.test("config names the source of a value that it cannot read", async () => {
  assertEquals(
    await message({ flags: { "retention.maxBytes": "2 lots" } }),
    '--retention-max-bytes: expected a size such as 500MB or 2GiB, or off, got "2 lots"',
  );
  assertEquals(
    await message({ env: { TIDEGATE_LIMITS_FLUSH: "2s" } }),
    'TIDEGATE_LIMITS_FLUSH: expected between 0ms and 1s, got "2s"',
  );
  await withFile({ log: { level: "loud" } }, async (configFile) => {
    assertEquals(
      await message({ configFile }),
      `${configFile}: log.level: expected trace, debug, info, warning or error, got "loud"`,
    );
  });
  assertStringIncludes(await message({ flags: { listen: "8080" } }), "--listen: expected HOST:PORT");
  assertStringIncludes(await message({ flags: { listen: "a:70000" } }), "port from 0 to 65535");
});

Deno.test("config refuses unknown names and points to the near one", async () => {
  await withFile({ retention: { maxByte: "1GB" } }, async (configFile) => {
    assertStringIncludes(
      await message({ configFile }),
      `unknown setting "retention.maxByte"; did you mean retention.maxBytes?`,
    );
  });
  assertStringIncludes(
    await message({ env: { TIDEGATE_LISTN: ":1" } }),
    "unknown environment variable TIDEGATE_LISTN; did you mean TIDEGATE_LISTEN?",
  );
  assertStringIncludes(await message({ env: { TIDEGATE_COLOUR_SCHEME: "x" } }), "serve --help");
});

Deno.test("config refuses files that are missing, not JSON, or of the wrong form", async () => {
  assertStringIncludes(
    await message({ configFile: "/nowhere/t.json" }),
    "config file /nowhere/t.json cannot be read",
  );
  await withFile(
    "{nope",
    async (configFile) => assertStringIncludes(await message({ configFile }), "is not JSON"),
  );
  await withFile(
    [1],
    async (configFile) => assertStringIncludes(await message({ configFile }), "expected an object"),
  );
  await withFile({ retention: 5 }, async (configFile) => {
    assertStringIncludes(await message({ configFile }), "retention: expected an object, got 5");
  });
});

Deno.test("config refuses to listen beyond this machine in the clear unless told so", async () => {
  for (const listen of ["0.0.0.0:8080", ":8080", "[::]:80", "192.0.2.7:80", "gateway.example:80"]) {
    assertStringIncludes(await message({ flags: { listen } }), "TLS is off: add --tls auto");
    await load({ flags: { listen, tls: "auto" } });
    await load({ flags: { listen, insecureListen: true } });
    await load({ flags: { listen, tlsCert: "c.pem", tlsKey: "k.pem" } });
  }
  assertEquals(["127.0.0.1", "127.9.9.9", "::1", "localhost"].map(isLoopback), [true, true, true, true]);
  assertEquals(["127.0.0.1.example", "1270.0.0.1", "::", ""].map(isLoopback), [false, false, false, false]);
});

Deno.test("config refuses half a certificate and two kinds of TLS", async () => {
  assertStringIncludes(await message({ flags: { tlsCert: "c.pem" } }), "--tls-cert needs --tls-key");
  assertStringIncludes(
    await message({ env: { TIDEGATE_TLS_KEY: "k" } }),
    "TIDEGATE_TLS_KEY needs --tls-cert",
  );
  assertStringIncludes(
    await message({ flags: { tls: "auto", tlsCert: "c", tlsKey: "k" } }),
    "--tls (tls auto) and --tls-cert contradict each other",
  );
});

Deno.test("config reads lists and switches as each source writes them", async () => {
  const { config } = await load({
    env: { TIDEGATE_ALLOWED_ORIGINS: "https://a.example, http://b.example:3000", TIDEGATE_AGENT: "yes" },
  });
  assertEquals(config.allowedOrigins, ["https://a.example", "http://b.example:3000"]);
  assertEquals(config.agent, true);
  assertStringIncludes(
    await message({ flags: { allowedOrigins: "https://a.example/page" } }),
    "expected an origin such as",
  );
  assertStringIncludes(
    await message({ env: { TIDEGATE_AGENT: "maybe" } }),
    "TIDEGATE_AGENT: expected true or false",
  );
});

Deno.test("config lifts retention limits with off", async () => {
  const { config } = await load({ flags: { "retention.maxBytes": "off", "retention.maxAge": "off" } });
  assertEquals(config.retention, { maxBytes: null, maxAge: null });
});

Deno.test("print-config reads back to the same settings", async () => {
  const loaded = await load({ flags: { "retention.maxBytes": "3GiB", "limits.flush": "7ms" } });
  const printed = configJson(loaded);
  assertEquals(printed["retention.maxBytes"], { value: "3GiB", source: "--retention-max-bytes" });
  const again = await load({
    flags: Object.fromEntries(Object.entries(printed).map(([k, v]) => [k, v.value])),
  });
  assertEquals(again.config, loaded.config);
  assertStringIncludes(configTable(loaded), "limits.flush");
});

Deno.test("settings have distinct flags and variables", () => {
  for (const key of ["flag", "variable", "path"] as const) {
    assertEquals(new Set(SETTINGS.map((s) => s[key])).size, SETTINGS.length);
  }
  assertEquals(SETTINGS.find((s) => s.path === "retention.maxBytes")?.flag, "--retention-max-bytes");
});

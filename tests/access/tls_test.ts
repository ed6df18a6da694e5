import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSelfSigned, VALID_DAYS } from "../../access/self_signed.ts";
import { certificateNames, loadTls, RENEW_BEFORE_MS, TlsError } from "../../access/tls.ts";

const DAY_MS = 86_400_000;

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tidegate-tls-"));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test("a certificate is made once, kept with a private key only the owner reads, and loaded again", () =>
  withFolder(async (dataDir) => {
    const source = { kind: "auto", dataDir, listen: "192.168.7.9" } as const;
    const first = await loadTls(source);
    assertEquals(first.made, "there was none");
    assertMatch(first.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    assertEquals((await stat(join(dataDir, "tls", "key.pem"))).mode & 0o777, 0o600);
    const certificate = new X509Certificate(first.cert);
    for (const ip of ["127.0.0.1", "::1", "192.168.7.9"]) assert(certificate.checkIP(ip), ip);
    assert(certificate.checkHost("localhost"));
    const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / DAY_MS;
    assertEquals(Math.round(days), VALID_DAYS);
    const second = await loadTls(source);
    assertEquals([second.made, second.fingerprint, second.key], [undefined, first.fingerprint, first.key]);
  }));

Deno.test("a certificate that nears its end, lacks a name or lost its key is made anew", () =>
  withFolder(async (dataDir) => {
    const source = { kind: "auto", dataDir, listen: "127.0.0.1" } as const;
    const first = await loadTls(source);
    const later = await loadTls(source, first.expiresAt - RENEW_BEFORE_MS + 1);
    assertStringIncludes(later.made ?? "", "about to expire");
    assertNotEquals(later.fingerprint, first.fingerprint);
    const moved = await loadTls({ ...source, listen: "10.1.2.3" });
    assertStringIncludes(moved.made ?? "", "10.1.2.3");
    await writeFile(join(dataDir, "tls", "key.pem"), first.key);
    assertStringIncludes((await loadTls({ ...source, listen: "10.1.2.3" })).made ?? "", "could not be used");
  }));

Deno.test("names leave out addresses that mean all interfaces", () => {
  for (const listen of ["0.0.0.0", "::", "[::]", ""]) {
    assertEquals(certificateNames(listen).filter((name) => name.includes("0.0.0") || name === "::"), []);
  }
  assert(certificateNames("[fe80::1]").includes("fe80::1"));
  assert(certificateNames("Gateway.Example").includes("gateway.example"));
});

Deno.test("each way the files can be wrong has its own message", () =>
  withFolder(async (folder) => {
    const now = Date.now();
    const a = await makeSelfSigned(["localhost"], now);
    const b = await makeSelfSigned(["localhost"], now);
    const write = async (name: string, text: string) => {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    };
    const certFile = await write("cert.pem", a.cert);
    const keyFile = await write("key.pem", a.key);
    const fails = async (certFile: string, keyFile: string, message: string) => {
      const error = await assertRejects(
        () => loadTls({ kind: "files", certFile, keyFile }),
        TlsError,
        message,
      );
      assert(!error.message.includes(a.key.split("\n")[1]!), "a key must not be shown");
    };
    const loaded = await loadTls({ kind: "files", certFile, keyFile });
    assertEquals(loaded.warnings, []);
    await fails(
      join(folder, "none.pem"),
      keyFile,
      "--tls-cert " + join(folder, "none.pem") + ": there is no such file",
    );
    await fails(certFile, join(folder, "none.pem"), "--tls-key");
    await fails(folder, keyFile, "folder");
    await fails(await write("der", "\x30\x82\x01"), keyFile, "not PEM");
    await fails(keyFile, keyFile, "no certificate");
    await fails(certFile, certFile, "no private key");
    await fails(certFile, await write("other.pem", b.key), "does not belong");
    await fails(await write("bad.pem", a.cert.replace(/\n.{20}/, "\nAAAA")), keyFile, "cannot be read");
    await fails(certFile, await write("badkey.pem", a.key.replace(/\n.{20}/, "\nAAAA")), "cannot be read");
    await fails(
      certFile,
      await write("enc.pem", a.key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")),
      "is encrypted",
    );
    assertEquals(await readFile(keyFile, "utf8"), a.key);
  }));

Deno.test("an expired or soon expiring certificate is loaded with a warning", () =>
  withFolder(async (folder) => {
    const { cert, key } = await makeSelfSigned(["localhost"], Date.now());
    const certFile = join(folder, "cert.pem");
    const keyFile = join(folder, "key.pem");
    await writeFile(certFile, cert);
    await writeFile(keyFile, key);
    const at = (days: number) => loadTls({ kind: "files", certFile, keyFile }, Date.now() + days * DAY_MS);
    assertStringIncludes((await at(390)).warnings[0] ?? "", "expires on");
    assertStringIncludes((await at(400)).warnings[0] ?? "", "expired on");
    assertStringIncludes((await at(-5)).warnings[0] ?? "", "valid only from");
  }));

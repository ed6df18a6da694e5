/**
 * The certificate that the gateway shows: files of the operator's, or a self-signed one that it makes and keeps.
 *
 * @module
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";

/** A self-signed certificate is made anew when it would expire within this many milliseconds: 30 days. */
export const RENEW_BEFORE_MS = 30 * 86_400_000;

/** Where the certificate comes from. */
export type TlsSource =
  | { kind: "files"; certFile: string; keyFile: string }
  /** `listen` is the address or name that the gateway listens on. */
  | { kind: "auto"; dataDir: string; listen: string };

/** A certificate ready to serve. */
export interface LoadedTls {
  /** PEM texts, for the server. */
  cert: string;
  key: string;
  /** SHA-256 of the certificate, as browsers show it: `AB:CD:…`. */
  fingerprint: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  /** Why it was made just now, in words; undefined when it was there already. */
  made?: string;
  /** What the operator should know, such as that it has expired. */
  warnings: string[];
}

/** A certificate or key that cannot be used; the message names the file and says what to do. */
export class TlsError extends Error {
  override readonly name = "TlsError";
}

/**
 * Gets the certificate and key.
 *
 * @param nowMs Milliseconds since 1970.
 * @throws {TlsError} when a file is missing, unreadable, not PEM, or the key belongs to another certificate.
 */
export function loadTls(source: TlsSource, nowMs: number = Date.now()): Promise<LoadedTls> {
  switch (source.kind) {
    case "files":
      return fromFiles(source.certFile, source.keyFile, nowMs);
    case "auto":
      return keptSelfSigned(source.dataDir, certificateNames(source.listen), nowMs);
  }
}

/** The names a self-signed certificate is for: this machine's, and the address it listens on unless that is 'all'. */
export function certificateNames(listen: string): string[] {
  const names = ["localhost", "127.0.0.1", "::1"];
  try {
    names.push(hostname().toLowerCase());
  } catch {
    // The runtime may withhold the host's name; the certificate then does without.
  }
  const address = listen.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (address !== "0.0.0.0" && address !== "::" && address !== "") names.push(address);
  return [...new Set(names)].filter((name) =>
    isIP(name) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name)
  );
}

async function fromFiles(certFile: string, keyFile: string, nowMs: number): Promise<LoadedTls> {
  const cert = await readPem(certFile, "--tls-cert");
  const key = await readPem(keyFile, "--tls-key");
  const certificate = parseCertificate(cert, `--tls-cert ${certFile}`);
  const privateKey = parseKey(key, `--tls-key ${keyFile}`);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new TlsError(
      `--tls-key ${keyFile} does not belong to the first certificate in ${certFile}; ` +
        "give the key that the certificate was issued for, and put the server's certificate before its chain",
    );
  }
  return describe(cert, key, certificate, nowMs);
}

async function readPem(file: string, option: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "ENOENT") throw new TlsError(`${option} ${file}: there is no such file`);
    if (code === "EISDIR") throw new TlsError(`${option} ${file} is a folder; name the PEM file in it`);
    if (code === "EACCES") {
      throw new TlsError(`${option} ${file}: the user that runs the gateway may not read it`);
    }
    throw new TlsError(`${option} ${file} cannot be read: ${message}`);
  }
  if (!text.includes("-----BEGIN ")) {
    throw new TlsError(
      `${option} ${file} is not PEM (no -----BEGIN line); convert DER with \`openssl … -inform der -outform pem\``,
    );
  }
  return text;
}

function parseCertificate(pem: string, what: string): X509Certificate {
  // A file may hold the key, too; the certificate is what its own BEGIN line says it is.
  const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(pem)?.[0];
  if (block === undefined) {
    throw new TlsError(`${what} holds no certificate (no -----BEGIN CERTIFICATE----- block)`);
  }
  try {
    return new X509Certificate(block);
  } catch (error) {
    throw new TlsError(`${what} holds a certificate that cannot be read: ${(error as Error).message}`);
  }
}

function parseKey(pem: string, what: string): KeyObject {
  const block = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/.exec(pem);
  if (block === null) {
    throw new TlsError(`${what} holds no private key (no -----BEGIN … PRIVATE KEY----- block)`);
  }
  if (block[1]!.includes("ENCRYPTED") || block[0].includes("Proc-Type: 4,ENCRYPTED")) {
    throw new TlsError(
      `${what} is encrypted; the gateway starts unattended, so decrypt it with \`openssl pkey\``,
    );
  }
  try {
    return createPrivateKey(block[0]);
  } catch (error) {
    throw new TlsError(`${what} holds a private key that cannot be read: ${(error as Error).message}`);
  }
}

function describe(cert: string, key: string, certificate: X509Certificate, nowMs: number): LoadedTls {
  const expiresAt = Date.parse(certificate.validTo);
  const warnings: string[] = [];
  if (expiresAt <= nowMs) {
    warnings.push(`the TLS certificate expired on ${new Date(expiresAt).toISOString()}`);
  } else if (expiresAt - nowMs < 14 * 86_400_000) {
    warnings.push(`the TLS certificate expires on ${new Date(expiresAt).toISOString()}; renew it`);
  }
  const validFrom = Date.parse(certificate.validFrom);
  if (validFrom > nowMs) {
    warnings.push(`the TLS certificate is valid only from ${new Date(validFrom).toISOString()}`);
  }
  return { cert, key, fingerprint: certificate.fingerprint256, expiresAt, warnings };
}

async function keptSelfSigned(dataDir: string, names: string[], nowMs: number): Promise<LoadedTls> {
  const folder = join(dataDir, "tls");
  const certFile = join(folder, "cert.pem");
  const keyFile = join(folder, "key.pem");
  const kept = await readKept(certFile, keyFile, names, nowMs);
  if (typeof kept !== "string") return kept;
  const { makeSelfSigned } = await import("./self_signed.ts");
  const { cert, key } = await makeSelfSigned(names, nowMs);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await replaceFile(keyFile, key, 0o600);
    await replaceFile(certFile, cert, 0o644);
  } catch (error) {
    throw new TlsError(
      `the self-signed certificate cannot be kept in ${folder}: ${(error as Error).message}`,
    );
  }
  return { ...describe(cert, key, new X509Certificate(cert), nowMs), made: kept };
}

/** The kept certificate, or why a new one is to be made. */
async function readKept(
  certFile: string,
  keyFile: string,
  names: string[],
  nowMs: number,
): Promise<LoadedTls | string> {
  let loaded: LoadedTls;
  try {
    loaded = await fromFiles(certFile, keyFile, nowMs);
    await chmod(keyFile, 0o600);
  } catch (error) {
    if (!(error instanceof TlsError)) throw error;
    return error.message.includes("no such file") ? "there was none" : "the one on disk could not be used";
  }
  const certificate = new X509Certificate(loaded.cert);
  if (loaded.expiresAt - nowMs < RENEW_BEFORE_MS) return "the last one was about to expire";
  const missing = names.filter((name) =>
    (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) === undefined
  );
  if (missing.length > 0) return `the last one was not for ${missing.join(", ")}`;
  return loaded;
}

/** Writes by renaming, so that a crash leaves the old file or the new one. */
async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const fresh = `${file}.new`;
  await writeFile(fresh, text, { mode });
  await chmod(fresh, mode);
  await rename(fresh, file);
}

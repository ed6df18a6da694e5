/**
 * Makes a self-signed certificate. Loaded only when one is made, since the library is large.
 *
 * @module
 */
// The certificate library injects its dependencies by decorators and refuses to load without this.
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { isIP } from "node:net";

/** For how long the certificate is valid, in days: browsers refuse server certificates of more than 398. */
export const VALID_DAYS = 397;

const DAY_MS = 86_400_000;

/** A certificate and its private key, both PEM. */
export interface CertificateAndKey {
  cert: string;
  key: string;
}

/**
 * Makes a key (ECDSA P-256) and a certificate for these names.
 *
 * @param names DNS names and IP addresses that the gateway is reached by.
 */
export async function makeSelfSigned(names: readonly string[], nowMs: number): Promise<CertificateAndKey> {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Tidegate",
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    // A day back, so that a device whose clock is a little behind accepts it.
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + (VALID_DAYS - 1) * DAY_MS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) ? "ip" as const : "dns" as const, value })),
      ),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { cert: certificate.toString("pem") + "\n", key: PemConverter.encode(pkcs8, "PRIVATE KEY") + "\n" };
}

/**
 * Authorities, servers and clients for TLS, made for one test.
 *
 * @module
 */
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNING = { name: "ECDSA", hash: "SHA-256" };
const DAY_MS = 86_400_000;

/** Certificate and key, PEM. */
export interface Issued {
  cert: string;
  key: string;
}

/** A certificate authority. */
export class Authority {
  private constructor(readonly certificate: X509Certificate, readonly keys: CryptoKeyPair) {}

  /** Makes one. */
  static async make(name: string): Promise<Authority> {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      keys,
      signingAlgorithm: SIGNING,
      notBefore: new Date(Date.now() - 10 * DAY_MS),
      notAfter: new Date(Date.now() + 10 * DAY_MS),
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    });
    return new Authority(certificate, keys);
  }

  get pem(): string {
    return this.certificate.toString("pem") + "\n";
  }

  /** Issues a certificate for localhost and 127.0.0.1, or for a client; an expired one ended yesterday. */
  async issue(name: string, options: { expired?: boolean } = {}): Promise<Issued> {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
    const certificate = await X509CertificateGenerator.create({
      subject: `CN=${name}`,
      issuer: this.certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: SIGNING,
      notBefore: new Date(Date.now() - 5 * DAY_MS),
      notAfter: new Date(Date.now() + (options.expired ? -DAY_MS : 5 * DAY_MS)),
      extensions: [
        new BasicConstraintsExtension(false),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension([
          { type: "dns", value: "localhost" },
          { type: "ip", value: "127.0.0.1" },
        ]),
      ],
    });
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    return {
      cert: certificate.toString("pem") + "\n",
      key: PemConverter.encode(pkcs8, "PRIVATE KEY") + "\n",
    };
  }
}

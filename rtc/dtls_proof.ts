/**
 * Whether the peer of a DTLS handshake has the private key of the certificate that it showed.
 *
 * werift 0.25 compares the certificate's fingerprint with the description's and looks at no signature. But a
 * certificate is no secret: it crosses the wire in the clear. Who is on the path could show the client's and agree on
 * keys of his own. So the signature over the key exchange (RFC 8422 section 5.4), or where the peer is DTLS's client
 * the one over the handshake (RFC 5246 section 7.4.8), is checked here.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createVerify, X509Certificate } from "node:crypto";
import type { RTCDtlsTransport } from "werift";

/** werift's side of a handshake. */
type Dtls = NonNullable<RTCDtlsTransport["dtls"]>;

const CERTIFICATE_VERIFY = 15;

/** Signatures that are known, by hash and kind (RFC 5246 section 7.4.1.4.1): RSA's PKCS 1 and ECDSA. */
const HASHES = new Map([[4, "sha256"], [5, "sha384"], [6, "sha512"]]);
const KINDS = new Map([[1, "rsa"], [3, "ec"]]);

/** Named curve, with the length of the public key behind it. */
const CURVE_BYTES = 4;

/** Whether `dtls`, a client whose handshake is done, got this ServerKeyExchange from who has the certificate's key. */
export function provesServer({ cipher }: Dtls, exchange: Uint8Array | undefined): boolean {
  const { remoteCertificate, remoteKeyPair, localRandom, remoteRandom } = cipher;
  if (!exchange || !remoteCertificate || !remoteKeyPair.publicKey) return false;
  const end = CURVE_BYTES + (exchange[CURVE_BYTES - 1] ?? 0);
  const key = exchange.subarray(CURVE_BYTES, end);
  // the keys were made with this exchange and no other
  if (!Buffer.from(key).equals(remoteKeyPair.publicKey)) return false;
  const signed = [localRandom.serialize(), remoteRandom.serialize(), exchange.subarray(0, end)];
  return isSigned(remoteCertificate, Buffer.concat(signed), exchange.subarray(end));
}

/** Whether `dtls`, a server whose handshake is done, has its client's signature over it. */
export function provesClient({ cipher, dtls }: Dtls): boolean {
  const messages = dtls.sortedHandshakeCache;
  const at = messages.findIndex(({ msg_type }) => msg_type === CERTIFICATE_VERIFY);
  if (at < 0 || !cipher.remoteCertificate) return false;
  const signed = Buffer.concat(messages.slice(0, at).map((message) => message.serialize()));
  return isSigned(cipher.remoteCertificate, signed, messages[at]!.fragment);
}

/** @param signature With hash, kind and length in front. */
function isSigned(certificate: Uint8Array, signed: Uint8Array, signature: Uint8Array): boolean {
  const hash = HASHES.get(signature[0] ?? 0);
  const kind = KINDS.get(signature[1] ?? 0);
  if (hash === undefined || kind === undefined) return false;
  try {
    const { publicKey } = new X509Certificate(certificate);
    const length = (signature[2] ?? 0) << 8 | (signature[3] ?? 0);
    return publicKey.asymmetricKeyType === kind && length === signature.length - 4 &&
      createVerify(hash).update(signed).verify(publicKey, signature.subarray(4));
  } catch {
    return false; // what it showed is no certificate, or not one with such a key
  }
}

/**
 * Records of DTLS 1.2 with AES-GCM (RFC 6347 section 4.1, RFC 5288), straight to and from the bytes on the wire.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv } from "node:crypto";

/** Type of a record with data of the application. */
export const APPLICATION_DATA = 23;

/** DTLS 1.2. */
const VERSION = 0xfefd;

const HEADER_BYTES = 13;
const IMPLICIT_NONCE_BYTES = 4;
const EXPLICIT_NONCE_BYTES = 8;
const TAG_BYTES = 16;

/** What a record has around its content. */
const OVERHEAD_BYTES = HEADER_BYTES + EXPLICIT_NONCE_BYTES + TAG_BYTES;

/** A cipher that is known here, as node:crypto calls it. */
export type RecordCipher = "aes-128-gcm" | "aes-256-gcm";

/** Whether a cipher is known here. */
export function isReadableCipher(name: string | undefined): name is RecordCipher {
  return name === "aes-128-gcm" || name === "aes-256-gcm";
}

/** What protects the records of one direction. */
export interface RecordKeys {
  algorithm: RecordCipher;
  key: Uint8Array;
  /** The first four bytes of each nonce; what follows is passed over. */
  implicitNonce: Uint8Array;
}

const AUTHENTICATED_BYTES = 13;

/** Encrypts records of data. */
export class RecordWriter {
  readonly #keys: RecordKeys;
  readonly #nonce = Buffer.alloc(IMPLICIT_NONCE_BYTES + EXPLICIT_NONCE_BYTES);
  readonly #authenticated = Buffer.alloc(AUTHENTICATED_BYTES);

  constructor(keys: RecordKeys) {
    this.#keys = keys;
    this.#nonce.set(keys.implicitNonce.subarray(0, IMPLICIT_NONCE_BYTES));
  }

  /** A datagram with one record. @param number Must not have been used in this epoch before. */
  write(content: Uint8Array, epoch: number, number: number): Buffer {
    const nonce = this.#nonce;
    nonce.writeUInt16BE(epoch, IMPLICIT_NONCE_BYTES);
    nonce.writeUIntBE(number, IMPLICIT_NONCE_BYTES + 2, 6);
    const { algorithm, key } = this.#keys;
    const cipher = createCipheriv(algorithm, key, nonce);
    cipher.setAAD(authenticated(this.#authenticated, nonce.subarray(IMPLICIT_NONCE_BYTES), content.length));
    const encrypted = cipher.update(content);
    cipher.final();
    const record = Buffer.allocUnsafe(content.length + OVERHEAD_BYTES);
    record[0] = APPLICATION_DATA;
    record.writeUInt16BE(VERSION, 1);
    nonce.copy(record, 3, IMPLICIT_NONCE_BYTES);
    record.writeUInt16BE(record.length - HEADER_BYTES, HEADER_BYTES - 2);
    nonce.copy(record, HEADER_BYTES, IMPLICIT_NONCE_BYTES);
    record.set(encrypted, HEADER_BYTES + EXPLICIT_NONCE_BYTES);
    record.set(cipher.getAuthTag(), record.length - TAG_BYTES);
    return record;
  }
}

/** Decrypts records of data. */
export class RecordReader {
  readonly #keys: RecordKeys;
  readonly #nonce = Buffer.alloc(IMPLICIT_NONCE_BYTES + EXPLICIT_NONCE_BYTES);
  readonly #authenticated = Buffer.alloc(AUTHENTICATED_BYTES);

  constructor(keys: RecordKeys) {
    this.#keys = keys;
    this.#nonce.set(keys.implicitNonce.subarray(0, IMPLICIT_NONCE_BYTES));
  }

  /** Whether a datagram is one record of data in this epoch, of a length that it can have. */
  takes(datagram: Uint8Array, epoch: number): boolean {
    return datagram.length >= OVERHEAD_BYTES && datagram[0] === APPLICATION_DATA &&
      (datagram[1]! << 8 | datagram[2]!) === VERSION && (datagram[3]! << 8 | datagram[4]!) === epoch &&
      (datagram[11]! << 8 | datagram[12]!) === datagram.length - HEADER_BYTES;
  }

  /** The content of a datagram that it {@link takes}; undefined when it is not the peer's. */
  read(datagram: Uint8Array): Buffer | undefined {
    const nonce = this.#nonce;
    const start = HEADER_BYTES + EXPLICIT_NONCE_BYTES;
    const end = datagram.length - TAG_BYTES;
    const number = datagram.subarray(3, HEADER_BYTES - 2); // epoch and number of the record
    nonce.set(datagram.subarray(HEADER_BYTES, start), IMPLICIT_NONCE_BYTES);
    const { algorithm, key } = this.#keys;
    const decipher = createDecipheriv(algorithm, key, nonce);
    decipher.setAuthTag(datagram.subarray(end));
    decipher.setAAD(authenticated(this.#authenticated, number, end - start));
    const content = decipher.update(datagram.subarray(start, end));
    try {
      decipher.final();
      return content;
    } catch {
      return undefined;
    }
  }
}

/** What is authenticated beside the content (RFC 5246 section 6.2.3.3, with DTLS's epoch and number). */
function authenticated(into: Buffer, number: Uint8Array, length: number): Buffer {
  into.set(number, 0);
  into[8] = APPLICATION_DATA;
  into.writeUInt16BE(VERSION, 9);
  into.writeUInt16BE(length, 11);
  return into;
}

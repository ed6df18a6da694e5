/**
 * Everything that decides who may do what, put together over one store.
 *
 * @module
 */
import { DeviceRegistry, type DeviceStore, type StoredDevice } from "./devices.ts";
import { Enrolments } from "./enrolments.ts";
import { Gate } from "./gate.ts";
import type { StoredToken } from "./token_rows.ts";
import { TokenService, type TokenStore } from "./tokens.ts";

/** What the access part needs of the database. */
export interface AccessStore extends TokenStore, DeviceStore {
  readonly boot: { readonly tokens: readonly StoredToken[]; readonly devices: readonly StoredDevice[] };
}

/** Options of {@link openAccess}. */
export interface AccessOptions {
  store: AccessStore;
  /** Origins other than the gateway's own whose pages may use it. */
  allowedOrigins?: readonly string[];
  /** Whether devices without a token may ask for one; default true. */
  enrolment?: boolean;
  /** Clock in milliseconds since 1970; default `Date.now`. */
  now?: () => number;
  /** Told of failures to store times of last use, which nothing depends on. */
  onError?: (error: unknown) => void;
}

/** The access part. */
export interface Access {
  tokens: TokenService;
  devices: DeviceRegistry;
  enrolments: Enrolments;
  gate: Gate;
  /** Ends what has expired; to be called every few seconds. */
  sweep(): void;
}

/** Puts the access part together. */
export function openAccess(options: AccessOptions): Access {
  const { store, allowedOrigins = [], enrolment = true, now = Date.now, onError = () => {} } = options;
  const tokens = new TokenService({ store, tokens: store.boot.tokens, now, onError });
  const devices = new DeviceRegistry({ store, devices: store.boot.devices, tokens, now, onError });
  const enrolments = new Enrolments({ devices, enabled: enrolment, now });
  const gate = new Gate({ tokens, allowedOrigins, now });
  return {
    tokens,
    devices,
    enrolments,
    gate,
    sweep() {
      tokens.sweep();
      enrolments.sweep();
    },
  };
}

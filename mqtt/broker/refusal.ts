/**
 * Why a client is not let in, as the broker's library takes it.
 *
 * @module
 */
import type { AuthenticateError } from "aedes";

/** CONNACK return codes of MQTT 3.1.1 section 3.2.2.3. */
export const RETURN_CODE = { unavailable: 3, badCredentials: 4 } as const;

/** An error that makes the library answer with a return code. */
export function refusal(returnCode: number, message: string): AuthenticateError {
  return Object.assign(new Error(message), { returnCode }) as AuthenticateError;
}

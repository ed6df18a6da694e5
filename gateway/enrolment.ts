/**
 * Enrolments as device sessions see them.
 *
 * @module
 */
import type { Enrolments } from "../access/enrolments.ts";
import { AccessError } from "../access/errors.ts";
import type { TokenService } from "../access/tokens.ts";
import type { EnrolmentDesk } from "../devices/context.ts";
import { CLOSE } from "../protocol/close_codes.ts";
import { ProtocolError } from "../protocol/errors.ts";

/** Lets device sessions ask for a token. */
export function enrolmentDesk(enrolments: Enrolments, tokens: TokenService): EnrolmentDesk {
  return {
    request({ device, description, remote }) {
      try {
        const pending = enrolments.request(device, remote, description);
        const decided = pending.outcome.then((outcome) => {
          if (outcome.status !== "approved") throw new Error(`the enrolment was ${outcome.status}`);
          const { token } = outcome.added;
          const principal = tokens.authenticate(token);
          if (!principal) throw new Error("the new token was revoked before the device could use it");
          return { token, principal };
        });
        return { code: pending.code, decided, withdraw: () => pending.withdraw() };
      } catch (error) {
        if (!(error instanceof AccessError)) throw error;
        throw new ProtocolError(error.problem === "limit" ? CLOSE.overloaded : CLOSE.rejected, error.message);
      }
    },
  };
}

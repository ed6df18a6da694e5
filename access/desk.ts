/**
 * Enrolment as a device's session sees it: one promise that brings the token or says why there is none.
 *
 * @module
 */
import type { Principal } from "../hub/access.ts";
import type { EnrolmentOutcome, Enrolments } from "./enrolments.ts";
import type { TokenService } from "./tokens.ts";

/** A request of a device's session. */
export interface DeskTicket {
  code: string;
  /** Rejects, with a sentence for the device's owner, when it ends without a token. */
  decided: Promise<{ token: string; principal: Principal }>;
  withdraw(): void;
}

/** Where device sessions ask to be enrolled. */
export interface Desk {
  /** @throws {AccessError} when too many requests wait or the name is not valid. */
  request(request: { device: string; description?: string; remote: string }): DeskTicket;
}

function whyNot(status: Exclude<EnrolmentOutcome["status"], "approved">): string {
  switch (status) {
    case "rejected":
      return "an operator turned the enrolment down";
    case "expired":
      return "no operator approved the enrolment in time; ask again";
    case "withdrawn":
      return "the enrolment was withdrawn";
  }
}

/** The desk over these enrolments. */
export function enrolmentDesk(enrolments: Enrolments, tokens: TokenService): Desk {
  return {
    request({ device, description, remote }) {
      const { code, outcome, withdraw } = enrolments.request(device, remote, description);
      const decided = outcome.then((outcome) => {
        if (outcome.status !== "approved") throw new Error(whyNot(outcome.status));
        const { token } = outcome.added;
        const principal = tokens.authenticate(token);
        if (!principal) throw new Error("the enrolment was approved and revoked again");
        return { token, principal };
      });
      // A device that has left no longer listens; that is not an unhandled failure.
      decided.catch(() => {});
      return { code, decided, withdraw };
    },
  };
}

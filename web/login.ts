/**
 * How the page gets in: by the token in the link's fragment, which a browser sends to nobody, or by one typed
 * into a form. Either way the token is traded for a cookie that no script can read, and forgotten.
 *
 * @module
 */
import { element, setText } from "./dom.ts";

/** Trades a token for the cookie. */
const LOGIN_PATH = "/v1/login";

/** Forgets the cookie. */
const LOGOUT_PATH = "/v1/logout";

/** Says who the cookie stands for. */
const PROBE_PATH = "/v1/me";

const DEVICE_TOKEN = "This is a device's token. The page needs one of role dashboard or operator.";

/** What came of an attempt to log in. */
export type LoginOutcome = { ok: true } | { ok: false; message: string };

/** Takes the token out of the address, so that neither history nor a copied address holds it. */
export function takeTokenFromAddress(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/** Trades the token for the cookie. */
export async function logIn(token: string): Promise<LoginOutcome> {
  let response: Response;
  try {
    response = await fetch(LOGIN_PATH, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: token.trim() }),
    });
  } catch {
    return { ok: false, message: "The gateway does not answer. Is it running?" };
  }
  if (response.ok) return await isDevice(response) ? { ok: false, message: DEVICE_TOKEN } : { ok: true };
  if (response.status === 429) return { ok: false, message: "Too many wrong tokens. Wait a minute." };
  if (response.status === 401) return { ok: false, message: "This token is unknown, expired or revoked." };
  const problem: { detail?: string } = await response.json().catch(() => ({}));
  return { ok: false, message: problem.detail ?? `The gateway answered ${response.status}.` };
}

/** Forgets the cookie; the token stays valid. */
export async function logOut(): Promise<void> {
  await fetch(LOGOUT_PATH, { method: "POST" });
}

async function isDevice(response: Response): Promise<boolean> {
  const principal: { role?: unknown } = await response.json().catch(() => ({}));
  return principal.role === "device";
}

/**
 * Whether the cookie is good for this page; undefined when the gateway cannot be reached. A WebSocket that is refused tells a
 * page nothing of the reason, so it is asked for here.
 */
export async function loggedIn(): Promise<boolean | undefined> {
  try {
    const response = await fetch(PROBE_PATH, { cache: "no-store" });
    if (response.status === 401 || response.status === 403) return false;
    return !(response.ok && await isDevice(response));
  } catch {
    return undefined;
  }
}

/** Whether the login is an operator's. */
export async function mayOperate(): Promise<boolean> {
  try {
    const response = await fetch(PROBE_PATH, { cache: "no-store" });
    if (!response.ok) return false;
    const principal: { role?: unknown } = await response.json();
    return principal.role === "operator";
  } catch {
    return false;
  }
}

/** Shows the form in `place` until a token was taken. */
export function askForToken(place: HTMLElement, message: string): Promise<void> {
  const input = element("input", {
    type: "password",
    id: "token",
    placeholder: "tg_…",
    autocomplete: "current-password",
    required: true,
  });
  const button = element("button", { type: "submit", class: "primary" }, "Log in");
  const outcome = element("p", { class: "bad", role: "alert" }, message);
  const form = element(
    "form",
    { class: "login" },
    element("h2", {}, "Log in"),
    element(
      "p",
      {},
      "Open the link that the gateway printed when it started, or enter a token made by ",
      element("code", {}, "tidegate token create --role dashboard"),
      ".",
    ),
    element("label", { for: "token" }, "Token"),
    input,
    button,
    outcome,
  );
  place.replaceChildren(form);
  input.focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      const result = await logIn(input.value);
      button.disabled = false;
      if (!result.ok) return setText(outcome, result.message);
      form.remove();
      resolve();
    });
  });
}

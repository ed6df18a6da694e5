/**
 * Requests with JSON answers, and problem documents (RFC 9457) as messages for people.
 *
 * @module
 */
import { type ApiClient, type ApiRequest, connect, type GatewayOptions, type Missing } from "./connect.ts";
import type { Context } from "./context.ts";
import { EXIT, type ExitCode, UserError } from "./errors.ts";

/**
 * Sends a request and gives back the JSON that answers it.
 *
 * @throws {UserError} with the gateway's own words when it refuses.
 */
export async function call<T>(api: ApiClient, path: string, request?: ApiRequest): Promise<T> {
  const response = await api.request(path, request);
  const text = await response.text();
  if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as T;
  throw new UserError(problemOf(response.status, text), exitCodeOf(response.status));
}

/** Items of a list, which the gateway sends under a name so that it can say more beside them. */
export async function callList<T>(api: ApiClient, path: string, name: string): Promise<T[]> {
  const body = await call<Record<string, T[]>>(api, path);
  return body[name] ?? [];
}

/** Adds a device and gives back its token. */
export async function addDevice(
  api: ApiClient,
  device: { name: string; description?: string; replace?: boolean },
): Promise<{ device: string; token: string }> {
  const { token } = await call<{ token: string }>(api, "/v1/devices", { method: "POST", body: device });
  return { device: device.name, token };
}

/** Connects, does `work`, and lets go whatever comes of it. */
export async function withApi<T>(
  context: Context,
  options: GatewayOptions,
  work: (api: ApiClient) => Promise<T>,
  missing?: Missing,
): Promise<T> {
  const api = await connect(context, options, missing);
  try {
    return await work(api);
  } finally {
    await api.close();
  }
}

/** A path whose parts may hold anything, and a query of the values that are there. */
export function pathOf(
  parts: readonly string[],
  query: Readonly<Record<string, string | number | boolean | undefined>> = {},
): string {
  const given = Object.entries(query).filter((entry): entry is [string, string | number | boolean] =>
    entry[1] !== undefined
  );
  const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return `/${parts.map(encodeURIComponent).join("/")}${search && `?${search}`}`;
}

/** What an answer that is no success says, in words. */
export function problemOf(status: number, text: string): string {
  try {
    const { detail, title } = JSON.parse(text) as { detail?: unknown; title?: unknown };
    if (typeof detail === "string" && detail) return detail;
    if (typeof title === "string" && title) return title;
  } catch {
    // Not a problem document: something other than a gateway may be listening there.
  }
  return `the gateway answered with status ${status}: ${text.slice(0, 200) || "no text"}`;
}

function exitCodeOf(status: number): ExitCode {
  return status === 401 || status === 403 ? EXIT.refused : EXIT.failed;
}

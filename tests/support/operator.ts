/**
 * What an operator does over HTTP, for tests.
 *
 * @module
 */
import type { Target } from "./peer.ts";

/** JSON as it comes. */
export type Json = Record<string, unknown>;

/** An answer of the HTTP interface. */
export interface Answer {
  status: number;
  headers: Headers;
  body: Json;
}

/** A gateway with an operator's token to it. */
export interface OperatedTarget extends Target {
  token: string;
}

/** Calls the HTTP interface. */
export async function request(
  target: OperatedTarget,
  method: string,
  path: string,
  body?: unknown,
  token: string | undefined = target.token,
): Promise<Answer> {
  const response = await fetch(target.url + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text.startsWith("{") ? JSON.parse(text) : { text },
  };
}

async function ok(target: OperatedTarget, method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await request(target, method, path, body);
  if (answer.status >= 300) {
    const what = `${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`;
    throw new Error(`${what}\ngateway said:\n${target.diagnosis()}`);
  }
  return answer.body;
}

/** A token as it is shown once. */
export interface ShownToken {
  id: string;
  token: string;
}

/** Operator's verbs. */
export const operator = {
  /** Adds a device and returns its token. */
  async addDevice(target: OperatedTarget, name: string): Promise<string> {
    return String((await ok(target, "POST", "/v1/devices", { name }))["token"]);
  },
  /** Makes a token for a dashboard; by default it may read and write everything. */
  async dashboardToken(
    target: OperatedTarget,
    rights: { read?: string[]; write?: string[] } = {},
  ): Promise<ShownToken> {
    const { read = ["#"], write = ["#"] } = rights;
    const body = await ok(target, "POST", "/v1/tokens", { role: "dashboard", label: "test", read, write });
    return { id: String((body["info"] as Json)["id"]), token: String(body["token"]) };
  },
  /** How a device's open session is connected. */
  async transportOf(target: OperatedTarget, device: string): Promise<Json | undefined> {
    const { transports } = await ok(target, "GET", "/v1/transports") as { transports: Json[] };
    return transports.find(({ name }) => name === device);
  },
  async revokeToken(target: OperatedTarget, id: string): Promise<void> {
    await ok(target, "DELETE", `/v1/tokens/${id}`);
  },
  async revokeDevice(target: OperatedTarget, name: string): Promise<void> {
    await ok(target, "DELETE", `/v1/devices/${name}`);
  },
  async approve(target: OperatedTarget, code: string): Promise<void> {
    await ok(target, "POST", `/v1/enrolments/${code}/approve`, {});
  },
  async reject(target: OperatedTarget, code: string): Promise<void> {
    await ok(target, "POST", `/v1/enrolments/${code}/reject`);
  },
  /** Sessions on record, newest first. */
  async sessions(target: OperatedTarget, filter: Record<string, string>): Promise<Json[]> {
    const body = await ok(target, "GET", `/v1/sessions?${new URLSearchParams(filter)}`);
    return body["sessions"] as Json[];
  },
  get: (target: OperatedTarget, path: string): Promise<Json> => ok(target, "GET", path),
  post: (target: OperatedTarget, path: string, body: unknown): Promise<Json> =>
    ok(target, "POST", path, body),
};

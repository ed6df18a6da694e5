/**
 * An endpoint: what it takes, who may use it, what it answers. One description makes the route, its checks and
 * its entry in the OpenAPI document, so that none of them can be forgotten or differ.
 *
 * @module
 */
import type { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Admission } from "../access/gate.ts";
import type { Principal, Role } from "../hub/access.ts";
import { readJson } from "./body.ts";
import { ANONYMOUS, CALLER, type RequestEnv } from "./caller.ts";
import { openApiRoute } from "./endpoint_docs.ts";
import { type FieldError, Problem, type ProblemKind } from "./problem.ts";
import type { Services } from "./services.ts";

/** Environment of the application. */
export type AppEnv = {
  Bindings: RequestEnv;
  /** `route` names the route for metrics, as the OpenAPI document does. */
  Variables: { route: string };
};

/** The application that endpoints are added to. */
export type App = OpenAPIHono<AppEnv>;

/** Who may use an endpoint: everybody, or the holders of tokens of these roles. */
export type Audience = "public" | readonly Role[];

/** Every role. */
export const EVERY_ROLE: readonly Role[] = ["device", "dashboard", "operator"];

/** Operators only. */
export const OPERATOR: readonly Role[] = ["operator"];

/** Schema of a set of named text values: path or query. */
export type Parameters = z.ZodObject;

/** What an endpoint is. */
export interface EndpointSpec<
  P extends Parameters = Parameters,
  Q extends Parameters = Parameters,
  B extends z.ZodType = z.ZodType,
  R extends z.ZodType = z.ZodType,
> {
  method: "get" | "post" | "patch" | "delete";
  /** As OpenAPI writes it: `/v1/devices/{name}`. A parameter `{topic}` may hold slashes. */
  path: string;
  audience: Audience;
  /** Lets those in who bring no credentials at all, as {@link ANONYMOUS}: for devices that ask to be enrolled. */
  newcomers?: boolean;
  tag: string;
  summary: string;
  description?: string;
  params?: P;
  query?: Q;
  /** Schema of a JSON body. */
  body?: B;
  /** Bodies that the handler reads itself, by media type. */
  rawBody?: Record<string, { schema: z.ZodType }>;
  /** Status of success, and the schema of its JSON; 204 has none. */
  status?: 200 | 201 | 204;
  response?: R;
  /** Further media types of the answer, where the handler makes it itself. */
  otherResponses?: Record<string, { schema: z.ZodType }>;
  /** Problems that it may answer with beside those that follow from the above. */
  problems?: readonly ProblemKind[];
}

/** One request, checked. */
export interface Call<P extends Parameters, Q extends Parameters, B extends z.ZodType> {
  c: Context<AppEnv>;
  /** {@link ANONYMOUS} on public endpoints, and for newcomers. */
  principal: Principal;
  params: z.output<P>;
  query: z.output<Q>;
  body: z.output<B>;
  /** Peer as `address:port`. */
  remote: string;
}

/** Parameters of an endpoint that has none. */
type NoParameters = z.ZodObject<Record<never, never>>;

/** Adds endpoints to an application. */
export class Endpoints {
  /** Methods of each path, with what OPTIONS says of them. */
  readonly #paths = new Map<string, PathOptions>();

  constructor(readonly app: App, readonly services: Services) {}

  /** Adds one: the handler is called with what the specification lets through, and answers a value or a response. */
  add<
    P extends Parameters = NoParameters,
    Q extends Parameters = NoParameters,
    B extends z.ZodType = z.ZodUndefined,
    R extends z.ZodType = z.ZodVoid,
  >(
    spec: EndpointSpec<P, Q, B, R>,
    handler: (call: Call<P, Q, B>) => Promise<z.input<R> | Response> | z.input<R> | Response,
  ): void {
    const { app, services } = this;
    app.openAPIRegistry.registerPath(openApiRoute(spec));
    const method = spec.method.toUpperCase();
    const known = this.#paths.get(spec.path) ?? { methods: [], accept: {} };
    known.methods.push(method);
    const types = Object.keys(spec.rawBody ?? {}).join(", ");
    if (types !== "" && method !== "DELETE") known.accept[`accept-${spec.method}`] = types;
    this.#paths.set(spec.path, known);
    app.on(method, honoPath(spec.path), async (c) => {
      c.set("route", spec.path);
      const principal = callerOf(c, spec, services);
      // What comes out of a schema has the type that is inferred from it; without one there is nothing.
      const params = checkParameters(spec.params, pathParameters(c, spec.path), "path") as z.output<P>;
      const query = checkParameters(spec.query, queryOf(c), "query") as z.output<Q>;
      const body = (spec.body && checkBody(spec.body, await readJson(c.req.raw))) as z.output<B>;
      const result = await handler({ c, principal, params, query, body, remote: c.env?.remote ?? "" });
      if (result instanceof Response) return result;
      return spec.status === 204 ? c.body(null, 204) : c.json(result as object, spec.status ?? 200);
    });
  }

  /** Answers OPTIONS and every method that a path does not have. To be called after the last {@link add}. */
  seal(): void {
    for (const [path, known] of this.#paths) {
      this.app.all(honoPath(path), (c) => {
        c.set("route", path);
        return otherMethod(c, known);
      });
    }
  }
}

/** What OPTIONS says of a path. */
interface PathOptions {
  methods: string[];
  /** `accept-post` (RFC 9725 section 4.2) and `accept-patch` (RFC 5789 section 3.1). */
  accept: Record<string, string>;
}

function otherMethod(c: Context<AppEnv>, { methods, accept }: PathOptions): Response {
  const allow = [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", ");
  if (c.req.method === "OPTIONS") return c.body(null, 204, { allow, ...accept });
  throw new Problem("method-not-allowed", `${c.req.method} is not one of ${allow}`, { headers: { allow } });
}

/**
 * Hono's form of an OpenAPI path. `{topic}` takes slashes; since only the last part of a Hono path may do so,
 * what stands behind it is matched along with it and taken off by {@link pathParameters}.
 */
function honoPath(path: string): string {
  return path.replace(/\/\{topic\}(.*)$/, "/:topic{.+$1}").replaceAll(/\/\{(\w+)\}/g, "/:$1");
}

function pathParameters(c: Context<AppEnv>, path: string): Record<string, string> {
  const params: Record<string, string> = c.req.param();
  const [, behind] = path.split("{topic}");
  return behind ? { ...params, topic: params["topic"]!.slice(0, -behind.length) } : params;
}

function callerOf(
  c: Context<AppEnv>,
  { audience, newcomers = false }: Pick<EndpointSpec, "audience" | "newcomers">,
  services: Services,
): Principal {
  if (audience === "public") return ANONYMOUS;
  let principal = c.env?.[CALLER];
  if (!principal) {
    const admission = services.access.gate.admit({
      method: c.req.method,
      headers: c.req.raw.headers,
      url: c.req.url,
      remote: c.env?.remote ?? "",
      upgrade: false,
    });
    if (newcomers && !admission.ok && admission.reason === "missing") return ANONYMOUS;
    principal = admitted(admission);
  }
  if (!audience.includes(principal.role)) {
    throw new Problem(
      "forbidden",
      `this needs the role ${audience.join(" or ")}; the token's is ${principal.role}`,
    );
  }
  return principal;
}

/** The principal that was let in. @throws {Problem} when none was. */
export function admitted(admission: Admission): Principal {
  if (admission.ok) return admission.principal;
  switch (admission.status) {
    case 401:
      // Not Basic: a browser would ask for a name and password.
      throw new Problem("unauthorized", admission.message, {
        headers: { "www-authenticate": 'Bearer realm="tidegate"' },
      });
    case 403:
      throw new Problem("foreign-origin", admission.message);
    case 429:
      throw new Problem("rate-limited", admission.message, {
        headers: { "retry-after": String(admission.retryAfterS ?? 1) },
      });
  }
}

function queryOf(c: Context<AppEnv>): Record<string, string> {
  const query = Object.entries(c.req.queries()).map(([name, values]): [string, string] => {
    if (values.length === 1) return [name, values[0]!];
    throw invalid([{ parameter: name, detail: `it is given ${values.length} times; once is enough` }]);
  });
  // From entries, so that a parameter named `__proto__` is one like any other.
  return Object.fromEntries(query);
}

function checkParameters(
  schema: Parameters | undefined,
  values: Record<string, string>,
  where: "path" | "query",
): Record<string, unknown> {
  if (!schema) {
    const [unknown] = Object.keys(values);
    if (unknown === undefined) return {};
    throw invalid([{ parameter: unknown, detail: "this takes no such parameter" }]);
  }
  // Strict: a filter that is misspelt must not be passed over as if it held.
  const result = schema.strict().safeParse(values);
  if (result.success) return result.data;
  throw invalid(result.error.issues.map((issue) => ({
    parameter: String(issue.path[0] ?? unknownKeys(issue) ?? where),
    detail: `${issue.message}${outOfBounds(issue, values)}`,
  })));
}

function checkBody<B extends z.ZodType>(schema: B, value: unknown): z.output<B> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(result.error.issues.map((issue) => ({
    pointer: "#" +
      issue.path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
    detail: `${issue.message}${outOfBounds(issue, value)}`,
  })));
}

/** What was given where a limit is passed: numbers, and of texts and lists the size, for a text may be a secret. */
function outOfBounds({ code, path }: z.core.$ZodIssue, values: unknown): string {
  if (code !== "too_big" && code !== "too_small") return "";
  const value = path.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown>)[step], values);
  if (Array.isArray(value)) return `, got ${value.length} items`;
  if (typeof value !== "string") return `, got ${value}`;
  return /^\d{1,16}$/.test(value) ? `, got ${value}` : `, got ${value.length} characters`;
}

function unknownKeys(issue: z.core.$ZodIssue): string | undefined {
  return issue.code === "unrecognized_keys" ? issue.keys.join(", ") : undefined;
}

/** The first in words, since that is what people read; all of them, with their pointers, for programs. */
function invalid(errors: FieldError[]): Problem {
  const [first] = errors;
  const where = first?.parameter ?? placeInBody(first?.pointer ?? "#");
  return new Problem("bad-request", `${where}: ${first?.detail ?? "not valid"}`, { errors });
}

/** A JSON pointer in words: `read, item 2` for `#/read/1`. */
function placeInBody(pointer: string): string {
  const [, ...steps] = pointer.split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return steps.map((step) => /^\d+$/.test(step) ? `item ${Number(step) + 1}` : step).join(", ") || "the body";
}

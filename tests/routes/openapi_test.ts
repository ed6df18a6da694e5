import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { PROBLEMS } from "../../routes/problem.ts";
import { testApp } from "./support.ts";

interface Parameter {
  name: string;
  in: string;
  required: boolean;
  schema: { type?: string };
}

interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  security: Record<string, unknown>[];
  parameters?: Parameter[];
  responses: Record<string, { description: string; content?: Record<string, { schema: unknown }> }>;
}

interface OpenApi {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

async function documentOf(t: ReturnType<typeof testApp>): Promise<OpenApi> {
  const response = await t.request("/openapi.json");
  assertEquals(response.status, 200);
  return await response.json();
}

function operationsOf(document: OpenApi): { path: string; method: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation }))
  );
}

function refsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => key === "$ref" ? [String(entry)] : refsIn(entry));
}

Deno.test("openapi.json covers every route that there is, and no other", async () => {
  const t = testApp();
  const documented = operationsOf(await documentOf(t)).map(({ path, method }) =>
    `${method.toUpperCase()} ${path}`
  );
  const routed = new Set(
    t.app.routes
      .filter(({ method, path }) => method !== "ALL" && path !== "/openapi.json" && path !== "/docs")
      .map(({ method, path }) =>
        `${method} ${path.replace(/:topic\{\.\+(.*)\}$/, "{topic}$1").replaceAll(/:(\w+)/g, "{$1}")}`
      ),
  );
  assertEquals(documented.sort(), [...routed].sort());
});

Deno.test("openapi.json is a sound OpenAPI 3.1 document", async () => {
  const document = await documentOf(testApp());
  assertEquals([document.openapi, document.info.title, document.info.version], [
    "3.1.0",
    "Tidegate",
    "1.2.3",
  ]);
  for (const ref of refsIn(document)) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(ref)?.[1];
    assert(name !== undefined && name in document.components.schemas, ref);
  }
  const ids = new Set<string>();
  for (const { path, method, operation } of operationsOf(document)) {
    const where = `${method} ${path}`;
    assert(!ids.has(operation.operationId), `${where}: operationId ${operation.operationId} is used twice`);
    ids.add(operation.operationId);
    assert(operation.summary !== "" && operation.tags.length === 1, where);
    assert(Object.keys(operation.responses).some((status) => status.startsWith("2")), where);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
    const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
    assertEquals(declared.map(({ name }) => name), inPath, where);
    assert(declared.every(({ required }) => required), where);
    assert((operation.parameters ?? []).every(({ schema }) => schema.type !== undefined), where);
    for (const scheme of operation.security.flatMap((entry) => Object.keys(entry))) {
      assert(scheme in document.components.securitySchemes, `${where}: ${scheme}`);
    }
    for (const [status, { description, content }] of Object.entries(operation.responses)) {
      assert(description !== "", `${where} ${status}`);
      if (Number(status) >= 400) {
        assertEquals(Object.keys(content ?? {}), ["application/problem+json"], where);
      }
    }
  }
});

Deno.test("the page at /docs shows every route and problem, runs no script and asks no other host", async () => {
  const t = testApp();
  const response = await t.request("/docs");
  const html = await response.text();
  for (const path of Object.keys((await documentOf(t)).paths)) {
    assertStringIncludes(html, `<code>${path}</code>`);
  }
  for (const kind of Object.keys(PROBLEMS)) assertStringIncludes(html, `id="problem-${kind}"`);
  assert(!/<script|https?:\/\/|javascript:|\son\w+=/i.test(html));
  const policy = response.headers.get("content-security-policy") ?? "";
  assert(!policy.includes("unsafe") && policy.includes("style-src 'sha256-"), policy);
});

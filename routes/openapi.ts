/**
 * /openapi.json and its page at /docs, made from the endpoints themselves.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { COOKIE_NAME } from "../access/credentials.ts";
import { DOCS_STYLE, docsPage } from "./docs_page.ts";
import type { App } from "./endpoint.ts";

/** An OpenAPI 3.1 document. */
export type OpenApiDocument = ReturnType<App["getOpenAPI31Document"]>;

const ABOUT = "Times in answers are RFC 3339 in UTC, times of samples are microseconds since 1970. " +
  "Errors are RFC 9457 problem documents. Unknown query parameters and unknown properties of a body are refused.";

/** Adds `/openapi.json` and `/docs`. To be called after every endpoint was added. */
export function openApiRoutes(app: App, version: string): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "A token, as `tidegate token create` prints it.",
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "basic", {
    type: "http",
    scheme: "basic",
    description: "For devices: the device's name and its token.",
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "cookie", {
    type: "apiKey",
    in: "cookie",
    name: COOKIE_NAME,
    description: "As POST /v1/login sets it. Changes must come from a page of the gateway's own.",
  });
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "Tidegate", version, description: ABOUT },
  });
  const json = JSON.stringify(document);
  const html = docsPage(document);
  const style = createHash("sha256").update(DOCS_STYLE).digest("base64");
  const policy = `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; frame-ancestors 'none'`;
  app.get("/openapi.json", (c) => c.body(json, 200, { "content-type": "application/json" }));
  app.get("/docs", (c) => c.html(html, 200, { "content-security-policy": policy }));
}

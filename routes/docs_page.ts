/**
 * The OpenAPI document as a page to read: plain HTML without script, so it needs nothing from anywhere.
 *
 * @module
 */
import type { OpenApiDocument } from "./openapi.ts";
import { PROBLEMS } from "./problem.ts";

/** The page's style; its hash stands in the page's content security policy. */
export const DOCS_STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 2.5rem 0 .5rem; }
details { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; padding: .5rem .8rem; }
summary { cursor: pointer; }
code, pre { font: .85rem/1.45 ui-monospace, monospace; }
pre { overflow: auto; background: color-mix(in srgb, currentColor 6%, transparent); padding: .6rem; border-radius: 6px; }
.method { display: inline-block; min-width: 4rem; font-weight: 700; }
.get { color: #1a7f64; } .post { color: #9a6700; } .delete { color: #c0362c; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); }
`;

interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: unknown }[];
  requestBody?: { content?: Record<string, { schema?: unknown }> };
  responses?: Record<string, { description: string; content?: Record<string, { schema?: unknown }> }>;
}

/** Text as HTML shows it. */
function escape(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

/** Text in which `code` stands between backticks. */
function prose(text: string): string {
  return text.split("\n\n").map((paragraph) =>
    `<p>${escape(paragraph).replaceAll(/`([^`]+)`/g, "<code>$1</code>")}</p>`
  ).join("");
}

function schemaBlock(schema: unknown): string {
  return schema === undefined ? "" : `<pre>${escape(JSON.stringify(schema, undefined, 2))}</pre>`;
}

function contentBlocks(content: Record<string, { schema?: unknown }> | undefined): string {
  return Object.entries(content ?? {})
    .map(([type, { schema }]) => `<p><code>${escape(type)}</code></p>${schemaBlock(schema)}`)
    .join("");
}

function parameterTable(parameters: Operation["parameters"]): string {
  if (!parameters || parameters.length === 0) return "";
  const rows = parameters.map(({ name, in: where, required, description, schema }) => {
    const said = description ?? (schema as { description?: string } | undefined)?.description ?? "";
    return `<tr><td><code>${escape(name)}</code></td><td>${where}${required ? ", required" : ""}</td><td>${
      escape(said)
    }</td></tr>`;
  });
  return `<table><tr><th>Parameter</th><th>In</th><th></th></tr>${rows.join("")}</table>`;
}

function responseTable(responses: Operation["responses"]): string {
  return Object.entries(responses ?? {}).map(([status, { description, content }]) =>
    `<p><b>${escape(status)}</b> ${escape(description)}</p>${
      Number(status) < 400 ? contentBlocks(content) : ""
    }`
  ).join("");
}

function operationBlock(method: string, path: string, operation: Operation): string {
  return `<details><summary><span class="method ${method}">${method.toUpperCase()}</span> <code>${
    escape(path)
  }</code> ${escape(operation.summary ?? "")}</summary>${prose(operation.description ?? "")}${
    parameterTable(operation.parameters)
  }${contentBlocks(operation.requestBody?.content)}${responseTable(operation.responses)}</details>`;
}

function problemTable(): string {
  const rows = Object.entries(PROBLEMS).map(([kind, { status, title }]) =>
    `<tr id="problem-${kind}"><td><code>${kind}</code></td><td>${status}</td><td>${escape(title)}</td></tr>`
  );
  return `<h2>Problems</h2><table>${rows.join("")}</table>`;
}

/** The page. */
export function docsPage(document: OpenApiDocument): string {
  const byTag = new Map<string, string[]>();
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(item as Record<string, Operation>)) {
      const tag = operation.tags?.[0] ?? "Other";
      byTag.set(tag, [...(byTag.get(tag) ?? []), operationBlock(method, path, operation)]);
    }
  }
  const sections = [...byTag].map(([tag, blocks]) => `<h2>${escape(tag)}</h2>${blocks.join("")}`);
  const schemas = Object.entries(document.components?.schemas ?? {})
    .map(([name, schema]) =>
      `<details><summary><code>${escape(name)}</code></summary>${schemaBlock(schema)}</details>`
    );
  const { title, version, description = "" } = document.info;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(title)} API</title>` +
    `<meta name="viewport" content="width=device-width"><style>${DOCS_STYLE}</style></head><body>` +
    `<h1>${escape(title)} API <small>${escape(version)}</small></h1>${prose(description)}` +
    `<p>For programs: <a href="/openapi.json">openapi.json</a></p>${sections.join("")}` +
    `<h2>Schemas</h2>${schemas.join("")}${problemTable()}</body></html>`;
}

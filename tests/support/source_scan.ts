/// <reference lib="deno.unstable" />
/**
 * What one source file imports and which runtime's globals it names, read from its syntax tree.
 *
 * The tree comes from `Deno.lint.runPlugin`, which exists under `deno test` only: that is the parser which
 * compiles the program, so strings, comments and types cannot fool it as they would a regular expression.
 *
 * @module
 */

/** One import or re-export. */
export interface FoundImport {
  /** As written, or undefined where the argument of a dynamic import is not a literal. */
  specifier: string | undefined;
  /** Erased before the program runs, so that it cannot make a cycle at run time. */
  typeOnly: boolean;
  /** Evaluated when the program comes to it, not when the importing module loads. */
  dynamic: boolean;
}

/** What {@link scanSource} found. */
export interface SourceScan {
  imports: FoundImport[];
  /** Runtime globals named, each once. */
  globals: string[];
}

const RUNTIME_GLOBALS = new Set(["Deno", "Bun"]);

function literal(node: Deno.lint.Node | null): string | undefined {
  if (node?.type === "TSLiteralType") return literal(node.literal);
  return node?.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
}

/** Parses `source` and lists its imports, static, dynamic and in types. */
export function scanSource(filename: string, source: string): SourceScan {
  const imports: FoundImport[] = [];
  const globals = new Set<string>();
  const rule: Deno.lint.Rule = {
    create: () => ({
      ImportDeclaration(node) {
        const named = node.specifiers;
        const typeOnly = node.importKind === "type" ||
          (named.length > 0 &&
            named.every((one) => one.type === "ImportSpecifier" && one.importKind === "type"));
        imports.push({ specifier: node.source.value, typeOnly, dynamic: false });
      },
      ExportAllDeclaration(node) {
        imports.push({ specifier: node.source.value, typeOnly: node.exportKind === "type", dynamic: false });
      },
      ExportNamedDeclaration(node) {
        const specifier = literal(node.source);
        if (specifier === undefined) return;
        imports.push({ specifier, typeOnly: node.exportKind === "type", dynamic: false });
      },
      ImportExpression(node) {
        imports.push({ specifier: literal(node.source), typeOnly: false, dynamic: true });
      },
      TSImportType(node) {
        const specifier = literal(node.argument as Deno.lint.Node);
        imports.push({ specifier, typeOnly: true, dynamic: false });
      },
      Identifier(node) {
        if (RUNTIME_GLOBALS.has(node.name)) globals.add(node.name);
      },
    }),
  };
  Deno.lint.runPlugin({ name: "scan", rules: { scan: rule } }, filename, source);
  return { imports, globals: [...globals] };
}

/**
 * `serve --print-config`: what holds, and where each value came from.
 *
 * @module
 */
import type { LoadedConfig, Resolved } from "./load_config.ts";
import { SETTINGS } from "./load_config.ts";
import { table } from "./table.ts";

const MASK = "********";

function shown({ setting, value }: Resolved): unknown {
  // A setting that holds a secret among other things shows the others.
  if (setting.meta.show) return setting.meta.show(value as never);
  return setting.meta.secret ? MASK : value;
}

/** Settings as a table for people. */
export function configTable(loaded: LoadedConfig): string {
  return table(
    ["setting", "value", "from"],
    SETTINGS.map(({ path }) => {
      const resolved = loaded.resolved.get(path);
      if (!resolved) return [path, "-", "not set"];
      const value = shown(resolved);
      return [path, typeof value === "string" ? value : JSON.stringify(value), resolved.source];
    }),
  );
}

/** Settings as JSON: path to value and source. */
export function configJson(loaded: LoadedConfig): Record<string, { value: unknown; source: string }> {
  return Object.fromEntries(
    [...loaded.resolved].map((
      [path, resolved],
    ) => [path, { value: shown(resolved), source: resolved.source }]),
  );
}

/**
 * The settings as flags of a command.
 *
 * @module
 */
import { type Command, Option } from "commander";
import { CONFIG_DEFAULTS } from "./config.ts";
import type { Context } from "./context.ts";
import { loadConfig, type LoadedConfig, SETTINGS } from "./load_config.ts";

/** Adds every setting, and `--config`, to a command. */
export function withSettings(command: Command): Command {
  for (const { path, flag, meta } of SETTINGS) {
    const standing = CONFIG_DEFAULTS[path];
    const help = typeof standing === "string" ? `${meta.help} (default ${standing})` : meta.help;
    if (meta.value) {
      command.option(`${flag} <${meta.value}>`, help);
    } else {
      command.option(flag, help);
      command.addOption(new Option(flag.replace("--", "--no-")).hideHelp());
    }
  }
  return command.option("--config <FILE>", "settings as JSON (or TIDEGATE_CONFIG)");
}

/** Settings of a command that was given {@link withSettings}. */
export function settingsFrom(context: Context, options: Record<string, unknown>): Promise<LoadedConfig> {
  return loadConfig({
    flags: flagsOf(options),
    env: context.io.env,
    ...(typeof options.config === "string" ? { configFile: options.config } : {}),
  });
}

/** Flags that were given, by the path of their setting. */
function flagsOf(options: Record<string, unknown>): Record<string, unknown> {
  const attribute = (flag: string) =>
    flag.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(
    SETTINGS.map(({ path, flag }) => [path, options[attribute(flag)]]).filter(([, value]) =>
      value !== undefined
    ),
  );
}

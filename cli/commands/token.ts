/**
 * `token`: who may watch and who may operate.
 *
 * @module
 */
import { Command, Option } from "commander";
import { checkDeviceName } from "../agent/device_name.ts";
import { call, callList, pathOf, withApi } from "../api.ts";
import { type GatewayOptions, withGatewayOptions } from "../connect.ts";
import { type Context, print } from "../context.ts";
import { parseDuration } from "../units.ts";
import { UserError } from "../errors.ts";
import { moment, table } from "../table.ts";

interface Token {
  id: string;
  role: string;
  device: string | null;
  label: string;
  read: string[];
  write: string[];
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  lastUsedAt: string | null;
  ephemeral: boolean;
}

type CreateOptions = GatewayOptions & {
  role: string;
  label?: string;
  device?: string;
  read?: string[];
  write?: string[];
  expiresIn?: string;
};

const HELP = `
Examples:
  tidegate token create --role operator --label "Ada's laptop"
  tidegate token create --role dashboard --read 'plant/#' --write 'plant/+/setpoint' --expires-in 30d
  tidegate token list
  tidegate token revoke 4k2m9x7q1a               its live sessions end at once`;

/** The command. */
export function tokenCommand(context: Context): Command {
  const command = new Command("token").summary("create, list and revoke tokens")
    .description("Manages tokens. Each is shown once; the gateway keeps only a hash of it.")
    .addHelpText("after", HELP);
  const patterns = (value: string, all: string[] = []) => [...all, ...value.split(",")];
  command.addCommand(
    withGatewayOptions(new Command("create")).summary("make a token and print it")
      .description("Makes a token and prints it, this once.")
      .addOption(
        new Option("--role <ROLE>", "what it may do").choices(["operator", "dashboard", "device"])
          .makeOptionMandatory(),
      )
      .option("--label <TEXT>", "what it is for; shown in lists and session records")
      .option("--device <NAME>", "with --role device: the device it is for")
      .option("--read <PATTERN>", "dashboard: topics it may read, repeatable; default all", patterns)
      .option("--write <PATTERN>", "dashboard: topics it may write, repeatable; default none", patterns)
      .option("--expires-in <DURATION>", "how long it is valid, e.g. 30d; default until revoked")
      .action((options: CreateOptions) => create(context, options)),
  );
  command.addCommand(
    withGatewayOptions(new Command("list")).summary("list tokens")
      .description("Lists tokens, revoked and expired ones too; never the tokens themselves.")
      .action((options: GatewayOptions) => list(context, options)),
  );
  command.addCommand(
    withGatewayOptions(new Command("revoke")).argument("<ID>", "id as 'token list' shows it")
      .summary("end a token and its live sessions")
      .description("Ends a token, and with it its live sessions, at once.")
      .action((id: string, options: GatewayOptions) => revoke(context, id, options)),
  );
  return command;
}

async function create(context: Context, options: CreateOptions): Promise<void> {
  const { role, label, device, read, write, expiresIn } = options;
  if (device !== undefined) checkDeviceName(device, "--device");
  const lifetimeMs = expiresIn === undefined ? undefined : parseDuration(expiresIn);
  if (expiresIn !== undefined && !lifetimeMs) {
    throw new UserError(
      `--expires-in: expected a duration such as 12h or 30d, got ${JSON.stringify(expiresIn)}`,
    );
  }
  const expiresAt = lifetimeMs === undefined ? undefined : new Date(Date.now() + lifetimeMs).toISOString();
  // JSON leaves out what is undefined.
  const body = { role, label, device, read, write, expiresAt };
  const answer = await withApi(
    context,
    options,
    (api) => call<{ token: string; info: Token }>(api, "/v1/tokens", { method: "POST", body }),
    "create",
  );
  print(context, options.json, answer, ({ token }) => {
    context.io.err(`A token of role ${role}, shown this once:`);
    return token;
  });
}

async function list(context: Context, options: GatewayOptions): Promise<void> {
  const tokens = await withApi(context, options, (api) => callList<Token>(api, "/v1/tokens", "tokens"));
  print(context, options.json, { tokens }, () =>
    table(
      ["id", "role", "for", "state", "created", "last used", "may read", "may write"],
      tokens.map((token) => [
        token.id,
        token.role,
        token.device ?? token.label,
        stateOf(token, Date.now()),
        moment(token.createdAt),
        moment(token.lastUsedAt),
        token.read.join(" "),
        token.write.join(" "),
      ]),
    ));
}

function stateOf(token: Token, nowMs: number): string {
  if (token.revokedAt !== null) return "revoked";
  if (token.expiresAt !== null && Date.parse(token.expiresAt) <= nowMs) return "expired";
  if (token.ephemeral) return "this run";
  return token.expiresAt === null ? "valid" : `until ${moment(token.expiresAt)}`;
}

async function revoke(context: Context, id: string, options: GatewayOptions): Promise<void> {
  await withApi(context, options, (api) => call(api, pathOf(["v1", "tokens", id]), { method: "DELETE" }));
  print(context, options.json, { id, revoked: true }, () => `Token ${id} is revoked.`);
}

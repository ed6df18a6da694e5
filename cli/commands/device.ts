/**
 * `device`: who may stream in.
 *
 * @module
 */
import { Command } from "commander";
import { checkDeviceName } from "../agent/device_name.ts";
import { addDevice, call, callList, pathOf, withApi } from "../api.ts";
import { type GatewayOptions, withGatewayOptions } from "../connect.ts";
import { type Context, print } from "../context.ts";
import { EXIT, UserError } from "../errors.ts";
import { moment, table } from "../table.ts";

interface Device {
  name: string;
  description: string;
  createdAt: string;
  lastSeenAt: string | null;
  revokedAt: string | null;
  online: boolean;
}

interface Enrolment {
  id: string;
  code: string;
  device: string;
  description: string;
  remote: string;
  requestedAt: string;
}

const HELP = `
Examples:
  tidegate device add pump-7                     prints the token, this once
  tidegate device add pump-7 --json | jq -r .token
  tidegate device list
  tidegate device approve K7QF-2M8X              lets in a device that shows this code
  tidegate device revoke pump-7                  its tokens and its live sessions end at once`;

/** The command. */
export function deviceCommand(context: Context): Command {
  const command = new Command("device").summary("add, list, revoke and approve devices")
    .description("Manages the devices that may stream in.").addHelpText("after", HELP);
  command.addCommand(
    withGatewayOptions(new Command("add")).argument("<NAME>", "name of the device")
      .summary("add a device and print its token")
      .description("Adds a device and prints its token, this once: the gateway keeps only a hash of it.")
      .option("--description <TEXT>", "what it is, for people")
      .option("--replace", "give a known device a new token: the old ones and its live sessions end")
      .action((name: string, options: AddOptions) => add(context, name, options)),
  );
  command.addCommand(
    withGatewayOptions(new Command("list")).summary("list devices, and requests to be enrolled")
      .description("Lists devices, revoked ones too, and the requests that wait for approval.")
      .action((options: GatewayOptions) => list(context, options)),
  );
  command.addCommand(
    withGatewayOptions(new Command("revoke")).argument("<NAME>", "name of the device")
      .summary("end a device's tokens and live sessions")
      .description(
        "Ends the device's tokens, and with them its live sessions, at once. What it recorded stays.",
      )
      .action((name: string, options: GatewayOptions) => revoke(context, name, options)),
  );
  command.addCommand(
    withGatewayOptions(new Command("approve"))
      .argument("<CODE>", "code that the device shows, or its name when only one asks under it")
      .summary("let in a device that asks to be enrolled")
      .description("Approves a device that has no token and waits; it gets its token on its open connection.")
      .option("--replace", "the device is known already: its old tokens end")
      .option("--reject", "turn the request down instead")
      .action((code: string, options: ApproveOptions) => approve(context, code, options)),
  );
  return command;
}

type AddOptions = GatewayOptions & { description?: string; replace?: boolean };
type ApproveOptions = GatewayOptions & { replace?: boolean; reject?: boolean };

async function add(context: Context, name: string, options: AddOptions): Promise<void> {
  checkDeviceName(name, "NAME");
  const { description, replace } = options;
  const request = {
    name,
    ...(description === undefined ? {} : { description }),
    ...(replace === undefined ? {} : { replace }),
  };
  const added = await withApi(context, options, (api) => addDevice(api, request), "create");
  print(context, options.json, added, ({ device, token }) => {
    context.io.err(`Device ${device} is added. Its token, shown this once:`);
    return token;
  });
}

async function list(context: Context, options: GatewayOptions): Promise<void> {
  const [devices, enrolments] = await withApi(context, options, async (api) =>
    [
      await callList<Device>(api, "/v1/devices", "devices"),
      // Requests wait on open connections, so there are none where no gateway runs.
      api.url === undefined ? [] : await callList<Enrolment>(api, "/v1/enrolments", "enrolments"),
    ] as const);
  print(context, options.json, { devices, enrolments }, () => {
    const known = table(
      ["device", "state", "last seen", "added", "description"],
      devices.map((d) => [d.name, stateOf(d), moment(d.lastSeenAt), moment(d.createdAt), d.description]),
    );
    if (enrolments.length === 0) return known;
    const waiting = table(
      ["code", "asks as", "from", "since", "description"],
      enrolments.map((e) => [e.code, e.device, e.remote, moment(e.requestedAt), e.description]),
    );
    return `${known}\n\nWaiting for 'tidegate device approve CODE':\n${waiting}`;
  });
}

function stateOf({ revokedAt, online }: Device): string {
  if (revokedAt !== null) return "revoked";
  return online ? "online" : "offline";
}

async function revoke(context: Context, name: string, options: GatewayOptions): Promise<void> {
  await withApi(context, options, (api) => call(api, pathOf(["v1", "devices", name]), { method: "DELETE" }));
  print(context, options.json, { device: name, revoked: true }, () => `Device ${name} is revoked.`);
}

async function approve(context: Context, code: string, options: ApproveOptions): Promise<void> {
  const { reject = false, replace } = options;
  const enrolment = await withApi(context, options, async (api) => {
    if (api.url === undefined) {
      throw new UserError("no gateway runs there, so no device waits", EXIT.unreachable);
    }
    const found = pick(await callList<Enrolment>(api, "/v1/enrolments", "enrolments"), code);
    const query = reject ? {} : { replace };
    await call(api, pathOf(["v1", "enrolments", found.id, reject ? "reject" : "approve"], query), {
      method: "POST",
    });
    return found;
  });
  const status = reject ? "rejected" : "approved";
  print(
    context,
    options.json,
    { device: enrolment.device, status },
    (o) => `Device ${o.device} is ${o.status}.`,
  );
}

/** The request with this code; or the only one under this name. */
function pick(enrolments: readonly Enrolment[], code: string): Enrolment {
  const bare = (text: string) => text.replaceAll(/[^0-9a-z]/gi, "").toUpperCase();
  const byCode = enrolments.find((enrolment) => bare(enrolment.code) === bare(code));
  const byName = enrolments.filter((enrolment) => enrolment.device === code);
  const found = byCode ?? (byName.length === 1 ? byName[0] : undefined);
  if (found) return found;
  const codes = enrolments.map((enrolment) => `${enrolment.code} (${enrolment.device})`).join(", ");
  throw new UserError(
    `no device waits under ${JSON.stringify(code)}; waiting: ${codes || "none"}`,
    EXIT.failed,
  );
}

/**
 * `sessions`: what is on record.
 *
 * @module
 */
import { Command, Option } from "commander";
import { Buffer } from "node:buffer";
import { call, callList, pathOf, withApi } from "../api.ts";
import { type GatewayOptions, withGatewayOptions } from "../connect.ts";
import { type Context, print } from "../context.ts";
import { factLines, type SessionTransport, sessionTransports } from "../doctor/transports.ts";
import { type Cell, moment, preciseMoment, table } from "../table.ts";
import { parseRange } from "../times.ts";
import { formatDuration, formatSize } from "../units.ts";

interface Session {
  id: string;
  role: string;
  device: string | null;
  label: string;
  remote: string;
  transport: string;
  client: string | null;
  startedAt: string;
  lastSeenAt: string;
  endedAt: string | null;
  endReason: string | null;
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  samplesIn: number;
  samplesOut: number;
  drops: Record<string, number>;
  roundTripUs: number | null;
  topics?: { topic: string; samples: number; first: number; last: number }[];
}

interface SessionEvent {
  at: string;
  kind: string;
  detail: Record<string, unknown>;
}

interface Series {
  topic: string;
  total: number;
  truncated: boolean;
  /** `t` in microseconds; `payload` in base64 where there is no value. */
  points: { t: number; offset: number; value?: unknown; payload?: string }[];
}

type ListOptions = GatewayOptions & {
  device?: string;
  role?: string;
  transport?: string;
  endReason?: string;
  open?: boolean;
  from?: string;
  to?: string;
  limit: string;
  cursor?: string;
};

type SamplesOptions = GatewayOptions & {
  from?: string;
  to?: string;
  maxPoints: string;
  downsample: string;
  field?: string;
};

const HELP = `
Examples:
  tidegate sessions list --device pump-7 --from 24h
  tidegate sessions list --end-reason crashed --json

What happened at 03:12?
  tidegate sessions list --from 03:12 --to 03:13     who was there, and how it ended
  tidegate sessions show 01jabc…                     the story of one, and its topics
  tidegate sessions samples 01jabc… pump-7/pressure --from 03:12 --to 03:13`;

/** The command. */
export function sessionsCommand(context: Context): Command {
  const command = new Command("sessions").summary("list, show and read recorded sessions")
    .description(
      "Reads what is on record. Times are ISO 8601, a time of day (03:12), or how long ago (15m, 2d).",
    )
    .addHelpText("after", HELP);
  command.addCommand(
    withGatewayOptions(new Command("list")).summary("list sessions, newest first")
      .description("Lists sessions, newest first.")
      .option("--device <NAME>", "only this device's")
      .addOption(
        new Option("--role <ROLE>", "only of this role").choices(["device", "dashboard", "operator"]),
      )
      .option("--transport <KIND>", "only over this transport, e.g. websocket")
      .option("--end-reason <REASON>", "only those that ended so, e.g. crashed")
      .option("--open", "only those that go on")
      .option("--from <TIME>", "only those open at or after")
      .option("--to <TIME>", "only those open at or before")
      .option("--limit <N>", "how many", "50")
      .option("--cursor <CURSOR>", "go on where an earlier list ended")
      .action((options: ListOptions) => list(context, options)),
  );
  command.addCommand(
    withGatewayOptions(new Command("show")).argument("<ID>", "id as 'sessions list' shows it")
      .summary("show one session, its story and its topics")
      .description("Shows one session: who, how much, what happened, and what it recorded.")
      .action((id: string, options: GatewayOptions) => show(context, id, options)),
  );
  command.addCommand(
    withGatewayOptions(new Command("samples"))
      .argument("<ID>", "id as 'sessions list' shows it").argument("<TOPIC>", "e.g. pump-7/pressure")
      .summary("read a session's samples of one topic")
      .description("Reads samples of one topic that the session wrote, thinned out where there are too many.")
      .option("--from <TIME>", "from here").option("--to <TIME>", "until here")
      .option("--max-points <N>", "at most this many points", "1000")
      .addOption(
        new Option("--downsample <HOW>", "how to thin out").choices(["minmax", "lttb", "none"]).default(
          "minmax",
        ),
      )
      .option("--field <NAME>", "the field to thin out by; default the first")
      .action((id: string, topic: string, options: SamplesOptions) => samples(context, id, topic, options)),
  );
  return command;
}

async function list(context: Context, options: ListOptions): Promise<void> {
  const { device, role, transport, endReason, open, limit, cursor } = options;
  const query = {
    device,
    role,
    transport,
    endReason,
    open,
    limit,
    cursor,
    ...parseRange(options, Date.now()),
  };
  const page = await withApi(
    context,
    options,
    (api) => call<{ sessions: Session[]; next?: string | null }>(api, pathOf(["v1", "sessions"], query)),
  );
  print(context, options.json, page, ({ sessions, next }) => {
    const rows = sessions.map((s) => [
      s.id,
      s.device ?? (s.label || s.role),
      s.transport,
      moment(s.startedAt),
      formatDuration(Date.parse(s.endedAt ?? s.lastSeenAt) - Date.parse(s.startedAt)),
      s.endReason ?? "open",
      s.samplesIn + s.samplesOut,
      formatSize(s.bytesIn + s.bytesOut),
      dropsOf(s),
    ]);
    const head = ["id", "who", "transport", "started", "for", "ended", "samples", "bytes", "drops"];
    return table(head, rows) + (next ? `\nmore: --cursor ${next}` : "");
  });
}

const dropsOf = ({ drops }: Session) =>
  Object.entries(drops).map(([reason, count]) => `${reason} ${count}`).join(", ") || "-";

async function show(context: Context, id: string, options: GatewayOptions): Promise<void> {
  const found = await withApi(context, options, async (api) => ({
    ...await call<Session>(api, pathOf(["v1", "sessions", id])),
    events: await callList<SessionEvent>(api, pathOf(["v1", "sessions", id, "events"]), "events"),
    path: (await sessionTransports(api, id))[0]!,
  }));
  print(context, options.json, found, (session) => {
    const facts = [
      ["session", session.id],
      ["who", `${session.role} ${session.device ?? session.label}`.trim()],
      ["from", session.remote],
      ["transport", wayOf(session)],
      ["program", session.client ?? "-"],
      ["started", moment(session.startedAt)],
      ["ended", session.endedAt === null ? "open" : `${moment(session.endedAt)}: ${session.endReason}`],
      ["in", traffic(session.samplesIn, session.framesIn, session.bytesIn)],
      ["out", traffic(session.samplesOut, session.framesOut, session.bytesOut)],
      ["drops", dropsOf(session)],
      ["round trip", session.roundTripUs === null ? "-" : `${(session.roundTripUs / 1000).toFixed(1)} ms`],
    ];
    const events = session.events.map((e) => [moment(e.at), e.kind, detailOf(e.detail)]);
    const path = session.endedAt === null ? factLines(session.path) : [];
    const topics = (session.topics ?? []).map((t) => [t.topic, t.samples, moment(t.last / 1000)]);
    return [
      ...facts.map(([name, value]) => `${name!.padEnd(11)} ${value}`),
      ...(path.length ? ["", ...path] : []),
      ...(events.length ? ["", table(["at", "event", "detail"], events)] : []),
      ...(topics.length ? ["", table(["topic", "samples", "last"], topics)] : []),
    ].join("\n");
  });
}

const wayOf = ({ transport, path: { why, advice } }: Session & { path: SessionTransport }) =>
  [`${transport}: ${why}`, ...advice.map((one) => `→ ${one}`)].join("\n            ");

const traffic = (samples: number, frames: number, bytes: number) =>
  `${samples} samples, ${frames} messages, ${formatSize(bytes)}`;

const detailOf = (detail: Record<string, unknown>) =>
  Object.entries(detail).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(" ");

/** What has no value as its encoding tells none is shown as its bytes. */
function valueOf({ value, payload }: Series["points"][number]): Cell {
  if (value === undefined && payload !== undefined) return bytesOf(payload);
  return typeof value === "number" ? value : JSON.stringify(value ?? null);
}

/** More of a payload than these bytes would fill the terminal. */
const SHOWN_BYTES = 32;

function bytesOf(base64: string): string {
  const bytes = Buffer.from(base64, "base64");
  const shown = bytes.toString("hex", 0, SHOWN_BYTES).replaceAll(/(..)(?=.)/g, "$1 ");
  return `${bytes.length} bytes: ${shown}${bytes.length > SHOWN_BYTES ? " …" : ""}`;
}

async function samples(context: Context, id: string, topic: string, options: SamplesOptions): Promise<void> {
  const { maxPoints, downsample, field } = options;
  const path = pathOf(["v1", "sessions", id, "samples"], {
    topic,
    ...parseRange(options, Date.now()),
    maxPoints,
    downsampling: downsample,
    field,
  });
  const series = await withApi(context, options, (api) => call<Series>(api, path));
  print(context, options.json, series, ({ points, total }) => {
    const rows = points.map((point) => [
      preciseMoment(point.t / 1000),
      point.offset,
      valueOf(point),
    ]);
    const shown = points.length < total ? `\n${points.length} of ${total} samples` : "";
    return table(["time", "offset", "value"], rows) + shown;
  });
}

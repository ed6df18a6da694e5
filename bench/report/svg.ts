/**
 * The picture for the README: deliveries per CPU second at the same offered rate.
 *
 * @module
 */
import type { Row } from "./row.ts";

const WIDTH = 760;
const LABEL = 190;
const BAR = 22;
const GAP = 8;
const TOP = 58;

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Bars for the rows of some workloads. Colours hold on white and on dark pages. */
export function svg(rows: Row[], workloads: string[], caption: string): string {
  const parts: string[] = [];
  let y = TOP;
  for (const workload of workloads) {
    const some = rows.filter((row) => row.workload === workload && row.figures["perCpuSecond"]);
    if (some.length === 0) continue;
    parts.push(
      `<text x="0" y="${y + 12}" font-weight="600">${escape(`${workload}: ${some[0]!.parameters}`)}</text>`,
    );
    y += 22;
    const most = Math.max(...some.map((row) => row.figures["perCpuSecond"]!.median));
    for (const row of some) {
      const { median } = row.figures["perCpuSecond"]!;
      const length = Math.max(2, (WIDTH - LABEL - 230) * median / most);
      const colour = row.server.startsWith("Tidegate") ? "#0f8b8d" : "#9aa5b1";
      const p50 = row.figures["p50"]!.median;
      const words = `${(median / 1e6).toFixed(2)} million, p50 ${
        p50 < 10 ? p50.toFixed(1) : Math.round(p50)
      } ms`;
      const lost = row.figures["lost"]!.median > 0 ? ", not all delivered" : "";
      parts.push(
        `<text x="${LABEL - 10}" y="${y + 15}" text-anchor="end">${escape(row.server)}</text>`,
        `<rect x="${LABEL}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="3" fill="${colour}"/>`,
        `<text x="${LABEL + length + 8}" y="${y + 15}">${escape(words + lost)}</text>`,
      );
      y += BAR + GAP;
    }
    y += 14;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" font-family="system-ui, sans-serif" font-size="13" fill="#6b7785" role="img">`,
    `<text x="0" y="16" font-size="16" font-weight="600">Deliveries per CPU second of the server, at the same offered rate</text>`,
    `<text x="0" y="36">${escape(caption)}</text>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

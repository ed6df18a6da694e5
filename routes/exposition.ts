/**
 * Prometheus' text format, version 0.0.4. Written here since the usual library is not fit for a single-file
 * program: it calls `require` at run time, which an ES module bundle has not, and loading it takes longer than
 * all of HTTP.
 *
 * @module
 */

/** Media type of the format. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** One line: the family's name with `suffix`, such as `_bucket`, behind it. */
export interface ExpositionSample {
  suffix?: string;
  labels?: Readonly<Record<string, string>>;
  value: number;
}

/** All values of one name. */
export interface MetricFamily {
  name: string;
  help: string;
  type: "counter" | "gauge" | "histogram";
  samples: Iterable<ExpositionSample>;
}

function metricName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_:]/g, "_").replace(/^(?=\d)/, "_");
}

function labelName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, "_").replace(/^(?=\d)/, "_");
}

function helpText(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function labelValue(text: string): string {
  return helpText(text).replaceAll('"', '\\"');
}

function number(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

function line(name: string, { suffix = "", labels = {}, value }: ExpositionSample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${labelName(key)}="${labelValue(text)}"`);
  return `${name}${suffix}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${number(value)}\n`;
}

/** The families as text. */
export function exposition(families: Iterable<MetricFamily>): string {
  let text = "";
  for (const { name, help, type, samples } of families) {
    const clean = metricName(name);
    text += `# HELP ${clean} ${helpText(help)}\n# TYPE ${clean} ${type}\n`;
    for (const sample of samples) text += line(clean, sample);
  }
  return text;
}

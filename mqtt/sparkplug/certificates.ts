/**
 * Birth and death certificates, and the node's own metrics (Sparkplug 3.0 sections 6.4.19 to 6.4.26).
 *
 * @module
 */
import { DATATYPE, type DataType, wireOf } from "./datatypes.ts";
import type { MetricOut, PayloadOut, PropertyValue } from "./payload.ts";
import type { KnownMetric } from "./topic_metrics.ts";

/** Metric that a host writes to have everything told again. */
export const REBIRTH = "Node Control/Rebirth";

/** A metric of the node itself. */
export interface NodeMetric {
  name: string;
  datatype: DataType;
  value: number | string;
  alias: number;
}

/** NDEATH: which connection ended. Kept by the broker as the connection's will. */
export function nodeDeath(bdSeq: number, nowMs: number): PayloadOut {
  return { timestampMs: nowMs, metrics: [bdSeqMetric(bdSeq, nowMs)] };
}

/** NBIRTH. */
export function nodeBirth(
  { bdSeq, nowMs, seq, metrics }: {
    bdSeq: number;
    nowMs: number;
    seq: number;
    metrics: readonly NodeMetric[];
  },
): PayloadOut {
  return {
    timestampMs: nowMs,
    seq,
    metrics: [
      bdSeqMetric(bdSeq, nowMs),
      // Without an alias: a host must be able to write it before it knows any.
      { name: REBIRTH, timestampMs: nowMs, datatype: DATATYPE.boolean, wire: "boolean", value: false },
      ...metrics.map(({ name, alias, datatype, value }): MetricOut => ({
        name,
        alias,
        timestampMs: nowMs,
        datatype,
        wire: wireOf(datatype),
        value,
      })),
    ],
  };
}

/** NDATA: node metrics that changed. */
export function nodeData(metrics: readonly NodeMetric[], nowMs: number, seq: number): PayloadOut {
  return {
    timestampMs: nowMs,
    seq,
    metrics: metrics.map(({ alias, datatype, value }): MetricOut => ({
      alias,
      timestampMs: nowMs,
      wire: wireOf(datatype),
      value,
    })),
  };
}

/** DBIRTH: every metric of a device with its newest value. */
export function deviceBirth(metrics: Iterable<KnownMetric>, nowMs: number, seq: number): PayloadOut {
  const out = Array.from(metrics, (metric): MetricOut => {
    const { name, alias, datatype, value, timeMs } = metric;
    return {
      name,
      alias,
      timestampMs: timeMs || nowMs,
      datatype,
      properties: propertiesOf(metric),
      wire: wireOf(datatype),
      value,
    };
  });
  return { timestampMs: nowMs, seq, metrics: chronological(out) };
}

/** DDEATH. */
export function deviceDeath(nowMs: number, seq: number): PayloadOut {
  return { timestampMs: nowMs, seq, metrics: [] };
}

/** Metrics in the order of their times, those of one time as they stood. */
export function chronological(metrics: MetricOut[]): MetricOut[] {
  return metrics.sort((a, b) => a.timestampMs - b.timestampMs);
}

function bdSeqMetric(bdSeq: number, nowMs: number): MetricOut {
  return { name: "bdSeq", timestampMs: nowMs, datatype: DATATYPE.int64, wire: "long", value: bdSeq };
}

function propertiesOf({ unit, writable }: KnownMetric): Record<string, PropertyValue> {
  return { ...(unit === undefined ? {} : { engUnit: unit }), readOnly: !writable };
}

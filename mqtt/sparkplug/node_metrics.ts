/**
 * What the edge node tells of itself beside its devices.
 *
 * @module
 */
import type { NodeMetric } from "./certificates.ts";
import { DATATYPE } from "./datatypes.ts";

/** The values behind the metrics. */
export interface NodeValues {
  devicesOnline: number;
  eventsLost: number;
}

/** The node's metrics, and which of them changed. */
export class NodeMetrics {
  #sent: Partial<NodeValues> = {};

  constructor(readonly alias: (name: string) => number) {}

  /** All of them, for a birth. */
  all(values: NodeValues): NodeMetric[] {
    this.#sent = values;
    return [this.#metric("devicesOnline", values), this.#metric("eventsLost", values)];
  }

  /** Those that changed since they were told. */
  changes(values: NodeValues): NodeMetric[] {
    const before = this.#sent;
    return this.all(values).filter((_, i) => {
      const key = i === 0 ? "devicesOnline" : "eventsLost";
      return values[key] !== before[key];
    });
  }

  #metric(key: keyof NodeValues, values: NodeValues): NodeMetric {
    const name = key === "devicesOnline" ? "Gateway/Devices Online" : "Gateway/Events Lost";
    return { name, alias: this.alias(name), datatype: DATATYPE.int64, value: values[key] };
  }
}

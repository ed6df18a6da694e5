/**
 * The gateway without its network: hub, sessions' shared parts and access over an open database. The command
 * line uses it alone where no gateway runs.
 *
 * @module
 */
import { type Access, openAccess } from "../access/access.ts";
import type { Store } from "../db/store.ts";
import { DeviceDirectory } from "../devices/directory.ts";
import { Downlink } from "../devices/downlink.ts";
import { type Clock, systemClock } from "../hub/clock.ts";
import { Counters } from "../hub/counters.ts";
import { Hub } from "../hub/hub.ts";

/** Parts that exist with or without a network. */
export interface Core {
  store: Store;
  clock: Clock;
  counters: Counters;
  hub: Hub;
  access: Access;
  directory: DeviceDirectory;
  downlink: Downlink;
}

/** Told what went wrong on our side. */
export type Fault = (where: string, error: unknown) => void;

/** Puts the core together over an open database. */
export function buildCore(store: Store, options: { allowedOrigins?: readonly string[]; fault: Fault }): Core {
  const { boot } = store;
  const clock = systemClock();
  const counters = new Counters();
  const hub = new Hub({ epoch: boot.epoch, recorder: store.recorder, counters });
  for (const { id, description, newest } of boot.topics) hub.restore(id, description, newest);
  store.recorder.onCommitted((sample, producer, sequence) => hub.committed(sample, producer, sequence));
  const access = openAccess({
    store,
    onError: (error) => options.fault("access", error),
    ...(options.allowedOrigins === undefined ? {} : { allowedOrigins: options.allowedOrigins }),
  });
  const directory = new DeviceDirectory({ hub, clock });
  const downlink = new Downlink({ hub, clock, keep: (desired) => store.putDesired(desired) });
  for (const { topic: id, payload, confirmed } of boot.desired) {
    const topic = hub.topicById(id);
    if (topic && !confirmed) downlink.restore(topic, payload);
  }
  return { store, clock, counters, hub, access, directory, downlink };
}

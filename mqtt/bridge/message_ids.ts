/**
 * Message ids (MQTT 5 section 2.2.1) of one connection, parted between the library, which subscribes and
 * announces, and the bridge, which publishes samples: an answer tells by its id whose it is.
 *
 * @module
 */
import type { IClientOptions } from "mqtt";

type IdProvider = NonNullable<IClientOptions["messageIdProvider"]>;

/** First id of messages that the bridge writes; those below are the library's. */
export const FIRST_OWN_ID = 1_024;

/**
 * First id of messages at QoS 1; those from {@link FIRST_OWN_ID} on are for QoS 2. There are few of these, so
 * that all of them can be released: a broker that kept the session waits for that, whoever used them last.
 */
export const FIRST_QOS1_ID = 2_048;

/** Last id that there is. */
export const LAST_ID = 0xffff;

/** Hands out the library's ids, each again only when it is free. */
export class LibraryIds implements IdProvider {
  readonly #used = new Set<number>();
  #last = 0;

  allocate(): number | null {
    if (this.#used.size >= FIRST_OWN_ID - 1) return null;
    do this.#last = this.#last % (FIRST_OWN_ID - 1) + 1; while (this.#used.has(this.#last));
    this.#used.add(this.#last);
    return this.#last;
  }

  getLastAllocated(): number | null {
    return this.#last === 0 ? null : this.#last;
  }

  register(id: number): boolean {
    if (this.#used.has(id)) return false;
    this.#used.add(id);
    return true;
  }

  deallocate(id: number): void {
    this.#used.delete(id);
  }

  clear(): void {
    this.#used.clear();
  }
}

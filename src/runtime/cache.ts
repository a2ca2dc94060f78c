// Sessions (or what is built around one) by key (graph, shapes, trainable set), the least recently used released first.
// Not a limit on memory: the sessions of a device with shared memory cost little beyond the largest; where each has its
// own, keep few.

import type { Device, Session } from './device.js';

/** How many sessions to keep on this device: eight where they share memory, two where each keeps its own peak. */
export const sessionsToKeep = (device: Device): number => (device.sharedMemory ? 8 : 2);

export class SessionCache<T = Session> {
  readonly #limit: number;
  readonly #release: (item: T) => Promise<void>;
  // Insertion order is order of use.
  readonly #items = new Map<string, Promise<T>>();

  /** Keeps at most `limit` items; `release` frees one. */
  constructor(limit: number, release: (item: T) => Promise<void>) {
    if (!Number.isInteger(limit) || limit < 1) throw new Error(`a session cache keeps at least one, not ${limit}`);
    this.#limit = limit;
    this.#release = release;
  }

  get size(): number {
    return this.#items.size;
  }

  /**
   * The item for `key`, made by `create` when it is not there; concurrent calls share one. Call it again before
   * every run: an item may be released once `limit` others have been requested.
   */
  get(key: string, create: () => Promise<T>): Promise<T> {
    const known = this.#items.get(key);
    if (known) {
      this.#items.delete(key);
      this.#items.set(key, known);
      return known;
    }
    // What goes is freed before the new one takes memory.
    const released: Promise<void>[] = [];
    for (const [oldest, item] of this.#items) {
      if (this.#items.size < this.#limit) break;
      this.#items.delete(oldest);
      released.push(this.#free(item));
    }
    const item = Promise.all(released).then(create);
    this.#items.set(key, item);
    item.catch(() => {
      if (this.#items.get(key) === item) this.#items.delete(key);
    });
    return item;
  }

  /** Releases all. */
  async clear(): Promise<void> {
    const all = [...this.#items.values()];
    this.#items.clear();
    await Promise.all(all.map((item) => this.#free(item)));
  }

  // An item that failed to be made has already rejected the promise of its `get`.
  async #free(item: Promise<T>): Promise<void> {
    const made = await item.catch(() => undefined);
    if (made !== undefined) await this.#release(made);
  }
}

// Sessions by key (graph, shapes, trainable set), the least recently used released first. Not a limit on memory: the
// sessions of a device with shared memory cost little beyond the largest; where each has its own, keep few.

import type { Device, Session } from './session.js';

/** How many sessions to keep on this device: eight where they share memory, two where each keeps its own peak. */
export const sessionsToKeep = (device: Device): number => (device.sharedMemory ? 8 : 2);

export class SessionCache {
  readonly #limit: number;
  // Insertion order is order of use.
  readonly #sessions = new Map<string, Promise<Session>>();

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1) throw new Error(`a session cache keeps at least one, not ${limit}`);
    this.#limit = limit;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * The session for `key`, made by `create` when it is not there; callers that ask at the same time share one. Ask
   * again before every run: a session may be released once `limit` others have been asked for.
   */
  get(key: string, create: () => Promise<Session>): Promise<Session> {
    const known = this.#sessions.get(key);
    if (known) {
      this.#sessions.delete(key);
      this.#sessions.set(key, known);
      return known;
    }
    // What goes is freed before the new one takes memory.
    const released: Promise<void>[] = [];
    for (const [oldest, session] of this.#sessions) {
      if (this.#sessions.size < this.#limit) break;
      this.#sessions.delete(oldest);
      released.push(release(session));
    }
    const session = Promise.all(released).then(create);
    this.#sessions.set(key, session);
    session.catch(() => {
      if (this.#sessions.get(key) === session) this.#sessions.delete(key);
    });
    return session;
  }

  /** Releases all. */
  async clear(): Promise<void> {
    const all = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.all(all.map(release));
  }
}

// A session that failed to be made was reported to whoever asked for it.
const release = async (session: Promise<Session>): Promise<void> => {
  const made = await session.catch(() => undefined);
  await made?.release();
};

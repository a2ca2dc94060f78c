// Batches prepared ahead of their use, handed out in order: what every loader's loop is.

import { orAborted } from './data-client.js';
import type { Samples } from './samples.js';
import type { Slot } from './slots.js';

export interface PrefetchOptions<R extends Samples, B> {
  /** Batches prepared while one is in use. */
  count: number;
  /** One batch, its slot filled. */
  prepare(rows: R): Promise<B>;
  /** Called before a batch is handed out, and at the end without one; may throw. */
  check(batch: B | undefined): void;
  signal?: AbortSignal | undefined;
}

/**
 * The batches of `rows`, in order; `rows` is closed at the end. Every batch must be released. Leaving the loop early,
 * an abort or an error frees what was prepared.
 * @throws what `prepare`, `check` and `rows` throw; the signal's reason
 */
export async function* prefetch<R extends Samples, B extends { slot: Slot; release(): void }>(
  rows: AsyncGenerator<R, void, void>,
  { count, prepare, check, signal }: PrefetchOptions<R, B>,
): AsyncGenerator<B, void, void> {
  const waiting: Promise<B | undefined>[] = [];
  try {
    for (;;) {
      signal?.throwIfAborted();
      while (waiting.length <= count) {
        // A generator answers its calls one after the other, so the batches stay in order.
        const batch = rows.next().then(({ value }) => (value ? prepare(value) : undefined));
        batch.catch(() => {}); // reported when its turn comes
        waiting.push(batch);
      }
      const batch = await orAborted(waiting[0]!, signal);
      check(batch);
      if (!batch) return;
      waiting.shift();
      batch.slot.to('bound');
      yield batch;
    }
  } finally {
    const freed = Promise.allSettled(waiting).then(async (results) => {
      for (const result of results) if (result.status === 'fulfilled') result.value?.release();
      await rows.return();
    });
    // An abort waits for no batch: one of them may be what takes for ever.
    if (!signal?.aborted) await freed;
  }
}

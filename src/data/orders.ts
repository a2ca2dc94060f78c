// The orders of a data set's epochs, computed in the data thread. This epoch's and the next one's are kept, and the
// next one's is requested half-way, so that no epoch begins with waiting for it.

import { type DataClient, orAborted } from './data-client.js';
import type { RowsRequest } from './dataset.js';
import { drawsOnce, type OrderOptions, type Sampling } from './sampler.js';

/** What the order of an epoch depends on beside its number and the seed. */
export type OrderColumns = Pick<
  OrderOptions,
  'count' | 'lengths' | 'labels' | 'weights' | 'groupByLength' | 'apart' | 'together'
>;

/** The numbers of one batch's samples. */
export interface Members {
  index: number;
  members: Uint32Array;
}

/** Batches in an epoch; the last may be short, unless whole ones alone count. */
export const batchCount = (samples: number, batchSize: number, whole = false): number =>
  whole ? Math.floor(samples / batchSize) : Math.ceil(samples / batchSize);

export class EpochOrders {
  readonly #client: DataClient;
  readonly #sampling: Sampling;
  readonly #orders = new Map<string, Promise<Uint32Array>>();

  constructor(client: DataClient, sampling: Sampling) {
    this.#client = client;
    this.#sampling = sampling;
  }

  /**
   * The batches of an epoch in order, from batch `from` on. @throws OrtuneError when the data thread dies; the signal's
   * reason
   */
  async *batches(request: RowsRequest, columns: OrderColumns): AsyncGenerator<Members, void, void> {
    const { batchSize, from = 0, whole, signal, epoch } = request;
    const order = await orAborted(this.#orderOf(request, columns), signal);
    const half = order.length / 2;
    const count = batchCount(order.length, batchSize, whole);
    for (let index = from; index < count; index++) {
      signal?.throwIfAborted();
      const at = index * batchSize;
      if (at >= half && at - batchSize < half) this.#orderOf({ ...request, epoch: epoch + 1 }, columns).catch(() => {});
      yield { index, members: order.subarray(at, at + batchSize) };
    }
  }

  /** The classes have changed. */
  clear(): void {
    this.#orders.clear();
  }

  #orderOf({ batchSize, seed, epoch, sequentialPass }: RowsRequest, columns: OrderColumns): Promise<Uint32Array> {
    const sampling = sequentialPass ? 'sequential' : this.#sampling;
    const key = sampling === 'sequential' ? `${batchSize}` : `${batchSize} ${seed} ${epoch}`;
    const known = this.#orders.get(key);
    if (known) return known;
    const { count, lengths, groupByLength } = columns;
    const labels = sampling === 'balanced' ? columns.labels : undefined;
    const weights = sampling === 'weighted' ? columns.weights : undefined;
    const apart = sampling === 'shuffle' ? columns.apart : undefined;
    const beside = { apart, together: drawsOnce(sampling) ? columns.together : undefined };
    const plan = { count, lengths, labels, weights, ...beside, batchSize, seed, epoch, sampling, groupByLength };
    const order = this.#client.request({ kind: 'order', ...plan });
    order.catch(() => this.#orders.delete(key));
    this.#orders.set(key, order);
    if (this.#orders.size > 2) this.#orders.delete(this.#orders.keys().next().value!);
    return order;
  }
}

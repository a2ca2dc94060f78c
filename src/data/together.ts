// Brings samples of one class into each other's batch, two by two, where a loss learns from what the samples of a batch
// have in common: a function of the order and the classes alone. Behind a sample whose class its batch does not have
// yet comes the nearest later one of the class; where there is none within reach it stays by itself.

import { keysOf } from './apart.js';
import type { Spans } from './columns.js';

/** How many batches ahead a sample is looked for. */
const reach = 50;

/** Changes the order in place. @param classes a text for each sample */
export function keepTogether(order: Uint32Array, classes: Spans, batchSize: number): void {
  const keys = keysOf(classes, order);
  const keyAt = (at: number): number => keys[order[at]!]!;
  for (let first = 0; first < order.length; first += batchSize) {
    const end = Math.min(first + batchSize, order.length);
    const last = Math.min(order.length, end + reach * batchSize);
    const met = new Set<number>();
    for (let i = first; i < end; i++) {
      const key = keyAt(i);
      if (met.has(key)) continue;
      // The last place of a batch is for one of a class that it has.
      const wanted = i + 1 < end ? (at: number) => keyAt(at) === key : (at: number) => met.has(keyAt(at));
      const place = Math.min(i + 1, end - 1);
      let j = i + 1;
      while (j < last && !wanted(j)) j++;
      if (j < last) [order[place], order[j]] = [order[j]!, order[place]!];
      met.add(keyAt(i));
    }
  }
}

// Samples with a text in common do not share a batch, as far as the data allow it.

import { describe, expect, it } from 'vitest';
import { textsApart } from '#ortune/data/apart.js';
import { epochOrder } from '#ortune/data/sampler.js';
import { TableBuilder } from '#ortune/data/table-builder.js';

/** Pairs of texts as a table. */
function tableOf(pairs: readonly (readonly [string, string])[]) {
  const columns = ['text', 'pair'].map((role) => ({ role, kind: 'text', name: role }) as const);
  const builder = new TableBuilder(['t'], columns, { weight: false });
  for (const [i, [text, pair]] of pairs.entries()) builder.add({ values: { text, pair }, line: i + 1 }, 0);
  return builder.table;
}

const batchSize = 8;
// Every answer stands behind four questions, and some questions are answers.
const pairs = Array.from({ length: 100 }, (_, i) => [i % 10 === 0 ? `a${i % 25}` : `q${i}`, `a${i % 25}`] as const);
const table = tableOf(pairs);

const shared = (order: Uint32Array): number => {
  let count = 0;
  for (let first = 0; first < order.length; first += batchSize) {
    const met = new Set<string>();
    for (const sample of order.subarray(first, first + batchSize)) {
      const own = new Set(pairs[sample]);
      count += [...own].some((text) => met.has(text)) ? 1 : 0;
      for (const text of own) met.add(text);
    }
  }
  return count;
};
const orderOf = (more: object = {}): Uint32Array => {
  const columns = { count: table.count, lengths: table.length!.subarray(0, table.count) };
  return epochOrder({ ...columns, batchSize, seed: 1, epoch: 3, groupByLength: false, ...more });
};

describe('texts kept apart', () => {
  const apart = textsApart(table, ['text', 'pair']);

  it('share no batch, every sample once, the same each time', () => {
    expect(shared(orderOf())).toBeGreaterThan(5);
    const order = orderOf({ apart });
    // The last batches take what is left.
    expect(shared(order.subarray(0, 80))).toBe(0);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(orderOf({ apart })).toEqual(order);
    expect(orderOf({ apart, epoch: 4 })).not.toEqual(order);
  });

  it('stay where they are in the order of the files, and where no text is repeated', () => {
    expect(orderOf({ apart, sampling: 'sequential' })).toEqual(orderOf({ sampling: 'sequential' }));
    const other = tableOf(Array.from({ length: 100 }, (_, i) => [`q${i}`, `a${i}`] as const));
    const options = { count: 100, batchSize, seed: 1, epoch: 3 };
    expect(epochOrder({ ...options, apart: textsApart(other, ['text', 'pair']) })).toEqual(epochOrder(options));
  });

  it('stay, too, where all have one text', () => {
    const same = tableOf(Array.from({ length: 20 }, (_, i) => [`q${i}`, 'a'] as const));
    const options = { count: 20, batchSize, seed: 1, epoch: 3 };
    expect(epochOrder({ ...options, apart: textsApart(same, ['pair']) })).toEqual(epochOrder(options));
    expect(textsApart(same, [])).toBeUndefined();
  });
});

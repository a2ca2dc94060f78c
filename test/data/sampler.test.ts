import { describe, expect, test } from 'vitest';
import { planEpoch } from '#ortune/data/sampler.js';

const lengths = Uint32Array.from({ length: 1003 }, (_, i) => (i * 7919) % 997);
const all = (options: Partial<Parameters<typeof planEpoch>[0]>) => {
  const plan = planEpoch({ lengths, batchSize: 8, seed: 1, epoch: 0, ...options });
  return Array.from({ length: plan.batches }, (_, i) => Array.from(plan.batch(i)));
};

describe.each([
  { shuffle: true, groupByLength: true },
  { shuffle: true, groupByLength: false },
  { shuffle: false, groupByLength: true },
  { shuffle: false, groupByLength: false },
])('%j', (options) => {
  test('every sample comes once and only the last batch is short', () => {
    const batches = all(options);
    expect(batches.flat().sort((a, b) => a - b)).toEqual(Array.from(lengths, (_, i) => i));
    expect(batches.map((batch) => batch.length)).toEqual([...new Array(125).fill(8), 3]);
  });
});

test('the plan is a function of seed and epoch, and batches can be asked for in any order', () => {
  expect(all({})).toEqual(all({}));
  expect(all({ epoch: 1 })).not.toEqual(all({}));
  expect(all({ seed: 2 })).not.toEqual(all({}));
  const plan = planEpoch({ lengths, batchSize: 8, seed: 1, epoch: 0 });
  const last = Array.from(plan.batch(100));
  expect(Array.from(plan.batch(3))).toEqual(all({})[3]);
  expect(last).toEqual(all({})[100]);
});

test('texts of similar length share a batch', () => {
  const spread = (batches: number[][]) =>
    batches.reduce(
      (sum, b) => sum + Math.max(...b.map((i) => lengths[i]!)) - Math.min(...b.map((i) => lengths[i]!)),
      0,
    );
  expect(spread(all({}))).toBeLessThan(spread(all({ groupByLength: false })) / 10);
  const order = all({}).map((batch) => lengths[batch[0]!]!);
  expect(order.slice(0, 50)).not.toEqual([...order.slice(0, 50)].sort((a, b) => b - a));
});

test('without shuffling or grouping batches follow the file', () => {
  expect(all({ shuffle: false, groupByLength: false }).flat()).toEqual(Array.from(lengths, (_, i) => i));
});

test('shuffling puts samples anywhere with equal chance', () => {
  const counts = new Uint32Array(5);
  for (let epoch = 0; epoch < 5000; epoch++) {
    const plan = planEpoch({ lengths: [1, 1, 1, 1, 1], batchSize: 1, seed: 3, epoch, groupByLength: false });
    counts[Array.from({ length: 5 }, (_, i) => plan.batch(i)[0]).indexOf(0)]!++;
  }
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
});

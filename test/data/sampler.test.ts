import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { epochOrder, type OrderOptions } from '#ortune/data/sampler.js';

const lengths = Uint32Array.from({ length: 1003 }, (_, i) => (i * 7919) % 997);
const order = (options: Partial<OrderOptions>) => epochOrder({ lengths, batchSize: 8, seed: 1, epoch: 0, ...options });
const all = (options: Partial<OrderOptions>) => {
  const { batchSize = 8 } = options;
  const whole = order(options);
  return Array.from({ length: Math.ceil(whole.length / batchSize) }, (_, i) => [
    ...whole.subarray(i * batchSize, (i + 1) * batchSize),
  ]);
};
const counts = (options: Partial<OrderOptions>, size: number, epochs: number) => {
  const seen = new Uint32Array(size);
  for (let epoch = 0; epoch < epochs; epoch++) for (const sample of order({ ...options, epoch })) seen[sample]!++;
  return seen;
};

describe.each([
  { sampling: 'shuffle', groupByLength: true },
  { sampling: 'shuffle', groupByLength: false },
  { sampling: 'sequential', groupByLength: true },
  { sampling: 'sequential', groupByLength: false },
] as const)('%j', (options) => {
  test('every sample comes once', () => {
    expect([...order(options)].sort((a, b) => a - b)).toEqual(Array.from(lengths, (_, i) => i));
  });
});

// Fixed: another order would be another run, and no checkpoint made before could be resumed.
test.each([
  [8, 1, 0, 'shuffle', true, 'd9eb18b80b967db2'],
  [8, 1, 3, 'shuffle', true, 'b85bac43c7a0313e'],
  [16, 4294967295, 7, 'shuffle', true, '699a2a6bb1b8b19d'],
  [3, 2, 1, 'shuffle', false, 'c8448cad671d5498'],
  [8, 0, 0, 'sequential', true, '8afa7511bade4644'],
] as const)('batch size %d, seed %d, epoch %d, %s, grouped %s: the order is what it always was', (...row) => {
  const [batchSize, seed, epoch, sampling, groupByLength, bits] = row;
  const found = epochOrder({ lengths, batchSize, seed, epoch, sampling, groupByLength });
  expect(createHash('sha256').update(found).digest('hex').slice(0, 16)).toBe(bits);
  expect(found.buffer).toBeInstanceOf(SharedArrayBuffer);
});

test('the order is a function of seed and epoch', () => {
  for (const sampling of ['shuffle', 'balanced', 'weighted'] as const) {
    const options = { sampling, labels: lengths.map((n) => n % 3), weights: lengths };
    expect(all(options)).toEqual(all(options));
    expect(all({ ...options, epoch: 1 })).not.toEqual(all(options));
    expect(all({ ...options, seed: 2 })).not.toEqual(all(options));
  }
});

test('texts of similar length share a batch', () => {
  const spread = (batches: number[][]) =>
    batches.reduce(
      (sum, b) => sum + Math.max(...b.map((i) => lengths[i]!)) - Math.min(...b.map((i) => lengths[i]!)),
      0,
    );
  expect(spread(all({}))).toBeLessThan(spread(all({ groupByLength: false })) / 10);
  const first = all({}).map((batch) => lengths[batch[0]!]!);
  expect(first.slice(0, 50)).not.toEqual([...first.slice(0, 50)].sort((a, b) => b - a));
});

test('without shuffling or grouping batches follow the file', () => {
  expect([...order({ sampling: 'sequential', groupByLength: false })]).toEqual(Array.from(lengths, (_, i) => i));
});

test('shuffling puts samples anywhere with equal chance', () => {
  const places = new Uint32Array(5);
  for (let epoch = 0; epoch < 5000; epoch++) {
    const five = epochOrder({ lengths: [1, 1, 1, 1, 1], batchSize: 1, seed: 3, epoch, groupByLength: false });
    places[five.indexOf(0)]!++;
  }
  for (const count of places) expect(Math.abs(count - 1000)).toBeLessThan(120);
});

describe('drawing with replacement', () => {
  test('gives every class the same number of places, and the samples of a class equal chances', () => {
    const labels = Uint32Array.from({ length: 90 }, (_, i) => (i < 60 ? 4 : i < 85 ? 0 : 2));
    const options = { lengths: new Uint32Array(90), sampling: 'balanced', labels } as const;
    const perClass = [0, 0, 0, 0, 0];
    for (const sample of order(options)) perClass[labels[sample]!]!++;
    expect(perClass).toEqual([30, 0, 30, 0, 30]);
    const seen = counts(options, 90, 1000);
    for (const [sample, count] of seen.entries()) {
      const expected = 30_000 / [25, 0, 5, 0, 60][labels[sample]!]!;
      expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });

  test('has the odds of the weights, and never takes a sample of weight 0', () => {
    const weights = Float32Array.of(0, 1, 2, 0, 5, 2, 0);
    const seen = counts({ lengths: weights, sampling: 'weighted', weights }, 7, 2000);
    for (const [i, count] of seen.entries()) {
      const expected = (14_000 * weights[i]!) / 10;
      expect(Math.abs(count - expected)).toBeLessThanOrEqual(5 * Math.sqrt(expected));
    }
  });

  test('reaches every one of many samples alike', () => {
    const size = 200_000;
    const weights = new Float32Array(size).fill(1);
    const seen = new Uint32Array(10);
    for (const sample of order({ lengths: weights, sampling: 'weighted', weights, groupByLength: false }))
      seen[Math.floor((sample * 10) / size)]!++;
    for (const count of seen) expect(Math.abs(count - size / 10)).toBeLessThan(5 * Math.sqrt(size / 10));
  });
});

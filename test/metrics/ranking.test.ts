import { expect, test } from 'vitest';
import { Ranking } from '#ortune/metrics/ranking.js';

test('scores that are not numbers come last and end', () => {
  const ranking = new Ranking(Float32Array.of(Number.NaN, 2, Number.NaN, 1), [1, 1, 0, 0]);
  expect(ranking.steps.map(({ count, hits }) => [count, hits])).toEqual([
    [1, 1],
    [2, 1],
    [4, 2],
  ]);
  expect(ranking.averagePrecision()).toBeCloseTo(0.5 + 0.5 * 0.5, 12);
  expect(ranking.bestThreshold()).toEqual({ threshold: 1.5, f1: 2 / 3 });
});

test('scores that are all no numbers are one step', () => {
  expect(new Ranking(Float64Array.of(Number.NaN, Number.NaN), [1, 0]).rocAuc()).toBe(0.5);
});

import { expect, it } from 'vitest';
import { rungsOf } from '#ortune/search/halving.js';

const steps = (...rungs: [trials: number, steps: number][]) => rungs.map(([trials, n]) => ({ trials, steps: n }));

it.each([
  [27, { maxSteps: 270, halving: 3 }, steps([27, 10], [9, 30], [3, 90], [1, 270])],
  [12, { maxSteps: 100, halving: 3 }, steps([12, 11], [4, 33], [1, 100])],
  [12, { maxSteps: 100, halving: 2 }, steps([12, 12], [6, 25], [3, 50], [1, 100])],
  [12, { maxSteps: 100, halving: 3, minSteps: 20 }, steps([12, 33], [4, 100])],
  [12, { maxSteps: 100, halving: 3, minSteps: 100 }, steps([12, 100])],
  // A step is the least there is.
  [100, { maxSteps: 4, halving: 2 }, steps([100, 1], [50, 2], [25, 4])],
  [1, { maxSteps: 10, halving: 2 }, steps([1, 10])],
  [2, { maxSteps: 10, halving: 3 }, steps([2, 10])],
])('of %d trials with %j', (trials, options, expected) => {
  expect(rungsOf(trials, options)).toEqual(expected);
});

it('without halving all run to the end', () => {
  expect(rungsOf(5, { maxSteps: 10 })).toEqual([{ trials: 5, steps: undefined }]);
  expect(rungsOf(5, {})).toEqual([{ trials: 5, steps: undefined }]);
});

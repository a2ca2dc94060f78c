// Rates of a range test, where it ends, and what its losses suggest.

import { expect, it } from 'vitest';
import { hasDiverged, type RatePoint, rateAt, suggestRate } from '#ortune/optim/rate-range.js';

const steps = 100;
const range = { start: 1e-6, end: 1, steps };

/** Even noise of a seed, in -1..1. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** A loss that falls from 1 to 0.2 around a rate of 1e-3, and rises steeply above 1e-1. */
const lossAt = (rate: number): number => 0.2 + 0.8 / (1 + (rate / 1e-3) ** 2) + (rate / 0.15) ** 3;

const points = (loss: (rate: number) => number, count = steps): RatePoint[] =>
  Array.from({ length: count }, (_, i) => {
    const learningRate = rateAt(range, i);
    return { step: i + 1, learningRate, loss: loss(learningRate) };
  });

it('rates grow by one factor from the first to the last step', () => {
  expect(rateAt(range, 0)).toBe(1e-6);
  expect(rateAt(range, 99)).toBeCloseTo(1, 12);
  expect(rateAt(range, 34) / rateAt(range, 33)).toBeCloseTo(1e6 ** (1 / 99), 12);
});

it.each([0, 0.02, 0.1])('the suggestion of a curve with noise of ±%d is that of the curve', (size) => {
  for (const seed of [1, 2, 3]) {
    const random = noise(seed);
    const {
      steepest,
      lowest,
      suggested,
      points: smoothed,
    } = suggestRate(points((rate) => lossAt(rate) + size * random()).slice(0, 90), steps);
    // The curve itself is steepest at 1e-3, and lowest near 0.03; a step is a factor of 1.15.
    expect(Math.abs(Math.log10(steepest! / 1e-3))).toBeLessThan(0.35);
    expect(Math.abs(Math.log10(lowest! / 0.03))).toBeLessThan(0.5);
    expect(suggested).toBe(Number(Math.min(steepest!, lowest! / 10).toPrecision(2)));
    expect(smoothed).toHaveLength(90);
    // No lag: halfway down at the rate where the curve is.
    const half = smoothed.find((point) => point.smoothed < 0.6)!.learningRate;
    expect(Math.abs(Math.log10(half / 1e-3))).toBeLessThan(0.25);
  }
});

it('noise alone, or a loss that only rises, suggests nothing', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = noise(seed);
    expect(
      suggestRate(
        points(() => 0.7 + 0.1 * random()),
        steps,
      ).suggested,
    ).toBeUndefined();
  }
  expect(
    suggestRate(
      points((rate) => 1 + rate),
      steps,
    ).suggested,
  ).toBeUndefined();
  expect(
    suggestRate(
      points(() => 1, 1),
      steps,
    ),
  ).toEqual({ points: [{ step: 1, learningRate: 1e-6, loss: 1, smoothed: 1 }] });
});

it('a test ends where the mean of five losses is four times the lowest, and above the first', () => {
  const flat = new Array<number>(20).fill(1);
  expect(hasDiverged(flat, steps)).toBe(false);
  expect(hasDiverged([...flat, 5, 5, 5], steps)).toBe(false);
  expect(hasDiverged([...flat, 5, 5, 5, 5], steps)).toBe(true);
  // From 1 down to a hundredth and up to a tenth is no divergence.
  expect(hasDiverged([...flat, ...new Array<number>(10).fill(0.01), ...new Array<number>(10).fill(0.1)], steps)).toBe(
    false,
  );
  expect(hasDiverged([...flat, ...new Array<number>(10).fill(-1), ...new Array<number>(5).fill(1.9)], steps)).toBe(
    false,
  );
  expect(hasDiverged([...flat, ...new Array<number>(10).fill(-1), ...new Array<number>(5).fill(2.1)], steps)).toBe(
    true,
  );
  expect(hasDiverged([9], steps)).toBe(false);
});

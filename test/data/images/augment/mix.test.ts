import { describe, expect, it, test } from 'vitest';
import { Rng } from '#ortune/data/images/augment/draws.js';
import { drawRectangle, drawShare, type MixedBatch, mixBatch } from '#ortune/data/images/augment/mix.js';
import type { Layout } from '#ortune/data/images/pixels.js';

/** Pixels tell which sample they are of; classes likewise. */
function batchOf(count: number, layout: Layout = 'NCHW', [height, width] = [6, 8]): MixedBatch {
  const size = 3 * height! * width!;
  return {
    count,
    shape: { channels: 3, height: height!, width: width!, layout },
    pixels: Float32Array.from({ length: count * size }, (_, i) => Math.floor(i / size)),
    targets: Float32Array.from({ length: count * count }, (_, i) => Number(i % (count + 1) === 0)),
    weights: new Float32Array(count).fill(1),
  };
}

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

describe.each(['mixup', 'cutmix'] as const)('%s', (op) => {
  it.each(['NCHW', 'NHWC'] as const)('shares pixels and targets of %s alike', (layout) => {
    for (let round = 0; round < 50; round++) {
      const batch = batchOf(4, layout);
      mixBatch([{ op, alpha: 1, p: 1 }], batch, new Rng(round, 0));
      const size = batch.pixels.length / 4;
      for (let b = 0; b < 4; b++) {
        const before = (b + 3) % 4;
        const kept = batch.targets[4 * b + b]!;
        expect(batch.targets[4 * b + before]).toBeCloseTo(1 - kept, 5);
        expect(mean(batch.pixels.subarray(b * size, (b + 1) * size))).toBeCloseTo(b * kept + before * (1 - kept), 4);
      }
      expect([...batch.weights].every((weight) => Math.abs(weight - 1) < 1e-6)).toBe(true);
    }
  });

  it('leaves a batch with probability 1 - p, and a batch of one', () => {
    let left = 0;
    for (let round = 0; round < 2000; round++) {
      const batch = batchOf(2);
      mixBatch([{ op, alpha: 1, p: 0.25 }], batch, new Rng(round, 0));
      if (batch.targets[0] === 1) left++;
    }
    // CutMix may draw an empty rectangle on so small a picture.
    expect(left).toBeGreaterThan(1500 - 65);
    const alone = batchOf(1);
    mixBatch([{ op, alpha: 1, p: 1 }], alone, new Rng(0, 0));
    expect(alone).toEqual(batchOf(1));
  });
});

test('of two steps each batch has one', () => {
  let pasted = 0;
  for (let round = 0; round < 400; round++) {
    const batch = batchOf(2);
    const steps = [
      { op: 'mixup', alpha: 1, p: 1 },
      { op: 'cutmix', alpha: 1, p: 1 },
    ] as const;
    mixBatch(steps, batch, new Rng(round, 0));
    if (batch.pixels.every((value) => value === 0 || value === 1)) pasted++;
  }
  expect(Math.abs(pasted - 200)).toBeLessThan(66);
});

test('every sample keeps its weight: what a row takes of it, over all rows', () => {
  const batch = batchOf(3);
  batch.weights.set([1, 3, 0]);
  mixBatch([{ op: 'mixup', alpha: 1, p: 1 }], batch, new Rng(3, 0));
  const share = batch.pixels[1 * 3 * 6 * 8]!; // of sample 1, in a row that is otherwise sample 0
  expect(batch.weights[1]).toBeCloseTo(3 * share + (1 - share), 5);
  expect(batch.targets[3 + 1]! * batch.weights[1]!).toBeCloseTo(3 * share, 5);
  for (const [k, weight] of [1, 3, 0].entries())
    expect([0, 1, 2].reduce((sum, b) => sum + batch.weights[b]! * batch.targets[3 * b + k]!, 0)).toBeCloseTo(weight, 5);
});

describe.each([0.2, 1, 3])('shares for alpha %f', (alpha) => {
  const shares = Array.from({ length: 10_000 }, (_, i) => drawShare(alpha, new Rng(i, 1)));

  it('have the mean and the variance of the Beta distribution', () => {
    const variance = 1 / (4 * (2 * alpha + 1));
    expect(Math.abs(mean(shares) - 0.5)).toBeLessThan(4 * Math.sqrt(variance / 10_000));
    expect(Math.abs(mean(shares.map((x) => (x - 0.5) ** 2)) / variance - 1)).toBeLessThan(0.06);
  });
});

test('rectangles cover what a sample gives away, less what the borders cut', () => {
  const shape = { channels: 3, height: 100, width: 200, layout: 'NCHW' } as const;
  const places = Array.from({ length: 10_000 }, (_, i) => drawRectangle(shape, 0.75, new Rng(i, 2)));
  const area = ({ left, right, top, bottom }: (typeof places)[number]) => ((right - left) * (bottom - top)) / 20_000;
  expect(Math.max(...places.map(area))).toBeCloseTo(0.25, 5);
  // Half of it reaches over each border in a quarter of the cases: (1 - 1/8)^2 of the area is left on average.
  expect(Math.abs(mean(places.map(area)) - 0.25 * (7 / 8) ** 2)).toBeLessThan(0.004);
});

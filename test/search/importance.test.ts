import { describe, expect, it } from 'vitest';
import { uniform } from '#ortune/random.js';
import { importanceOf, shareExplained } from '#ortune/search/importance.js';

describe('the share that groups explain', () => {
  it('is epsilon squared', () => {
    // Squares: 10 in all, 4 within 2 groups of 3: (10 - 4 - 1·4/4) / 10.
    expect(
      shareExplained([
        [1, 2, 3],
        [3, 4, 5],
      ]),
    ).toBeCloseTo((10 - 4 - 1) / 10, 12);
    expect(
      shareExplained([
        [1, 1],
        [2, 2],
      ]),
    ).toBe(1);
    expect(
      shareExplained([
        [1, 2],
        [1, 2],
      ]),
    ).toBe(0);
  });

  it('is not to be told of one group, of single values, and where nothing varies', () => {
    expect(shareExplained([[1, 2]])).toBeUndefined();
    expect(shareExplained([[1], [2], [3]])).toBeUndefined();
    expect(
      shareExplained([
        [1, 1],
        [1, 1],
      ]),
    ).toBeUndefined();
  });
});

describe('the importance of options', () => {
  it('is that of each alone, the largest first; trials without a value are left out', () => {
    const trials = [0.001, 0.01].flatMap((learningRate) =>
      [8, 16].flatMap((batchSize) =>
        [null, 'lora'].map((adapter) => ({
          chosen: { batchSize, learningRate, adapter },
          value: 100 * learningRate + batchSize / 100,
        })),
      ),
    );
    const importance = importanceOf([...trials, { chosen: { ...trials[0]!.chosen }, value: Number.NaN }]);
    expect(Object.keys(importance)).toEqual(['learningRate', 'batchSize', 'adapter']);
    expect(importance.learningRate).toBeGreaterThan(0.95);
    expect(importance.batchSize).toBeLessThan(0.05);
    expect(importance.adapter).toBe(0);
  });

  it('takes drawn numbers in thirds', () => {
    const trials = Array.from({ length: 90 }, (_, i) => {
      const [learningRate, l1] = [uniform(0, 1, i), uniform(0, 2, i)];
      return { chosen: { learningRate, l1 }, value: learningRate ** 2 };
    });
    const { learningRate, l1 } = importanceOf(trials);
    expect(learningRate).toBeGreaterThan(0.75);
    expect(l1).toBeLessThan(0.1);
  });

  it('is nothing without trials', () => {
    expect(importanceOf([])).toEqual({});
  });
});

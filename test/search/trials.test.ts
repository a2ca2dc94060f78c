import { describe, expect, it } from 'vitest';
import { describeChosen, trialsOf } from '#ortune/search/trials.js';

const chosenOf = (...args: Parameters<typeof trialsOf>) => trialsOf(...args).map(({ chosen }) => chosen);

describe('the trials of a space', () => {
  it('are every combination, the last option changing fastest', () => {
    expect(chosenOf({ learningRate: [1e-4, 1e-3], schedule: ['linear', 'cosine'] }, { seed: 0 })).toEqual([
      { learningRate: 1e-4, schedule: 'linear' },
      { learningRate: 1e-4, schedule: 'cosine' },
      { learningRate: 1e-3, schedule: 'linear' },
      { learningRate: 1e-3, schedule: 'cosine' },
    ]);
  });

  it('are as many different draws, the same for the same seed, and more go on where fewer ended', () => {
    const space = { learningRate: { min: 1e-5, max: 1e-2, scale: 'log' }, batchSize: [8, 16, null] } as const;
    const twenty = trialsOf(space, { trials: 20, seed: 3 });
    expect(new Set(twenty.map(({ name }) => name)).size).toBe(20);
    expect(trialsOf(space, { trials: 5, seed: 3 })).toEqual(twenty.slice(0, 5));
    expect(trialsOf(space, { trials: 5, seed: 4 })).not.toEqual(twenty.slice(0, 5));
    // Another option changes nothing of those that were there.
    const more = chosenOf({ ...space, l1: { min: 0, max: 1 } }, { trials: 5, seed: 3 });
    expect(more.map(({ l1: _, ...rest }) => rest)).toEqual(twenty.slice(0, 5).map(({ chosen }) => chosen));
  });

  it('lie evenly in a range: by size, by magnitude, and in whole numbers where the option takes those', () => {
    const drawn = (space: Parameters<typeof trialsOf>[0], key: string, trials = 2000) =>
      chosenOf(space, { trials, seed: 1 }).map((chosen) => chosen[key] as number);
    const below = (values: number[], limit: number) => values.filter((value) => value < limit).length / values.length;
    const linear = drawn({ l1: { min: 2, max: 4 } }, 'l1');
    expect(Math.min(...linear)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...linear)).toBeLessThanOrEqual(4);
    expect(below(linear, 3)).toBeCloseTo(0.5, 1);
    const log = drawn({ learningRate: { min: 1e-5, max: 1e-1, scale: 'log' } }, 'learningRate');
    expect(below(log, 1e-3)).toBeCloseTo(0.5, 1);
    expect(below(log, 1e-4)).toBeCloseTo(0.25, 1);
    // Draws that come again are left out, so a second option keeps them apart.
    const l1 = { min: 0, max: 1 };
    const whole = drawn({ batchSize: { min: 1, max: 4 }, l1 }, 'batchSize');
    expect([...new Set(whole)].sort()).toEqual([1, 2, 3, 4]);
    expect(below(whole, 3)).toBeCloseTo(0.5, 1);
    const powers = drawn({ batchSize: { min: 1, max: 1000, scale: 'log' }, l1 }, 'batchSize');
    expect(powers.every((n) => Number.isInteger(n) && n >= 1 && n <= 1000)).toBe(true);
    expect(below(powers, 32)).toBeCloseTo(0.55, 1);
  });

  it('are the grid where that has no more than are asked for, and end where nothing else can be drawn', () => {
    expect(chosenOf({ batchSize: [8, 16] }, { trials: 5, seed: 0 })).toEqual([{ batchSize: 8 }, { batchSize: 16 }]);
    expect(trialsOf({ batchSize: { min: 1, max: 3 } }, { trials: 50, seed: 0 })).toHaveLength(3);
  });

  it('are named by what they chose, in whatever order the options stand', () => {
    const [one] = trialsOf({ batchSize: [8], l1: [0] }, { seed: 0 });
    const [other] = trialsOf({ l1: [0, 1], batchSize: [8] }, { seed: 0 });
    expect(one!.name).toMatch(/^trial-[0-9a-f]{8}$/);
    expect(other!.name).toBe(one!.name);
    expect(describeChosen({ learningRate: 1e-3, adapter: null, freeze: ['trunk'], schedule: 'linear' })).toBe(
      'learningRate 0.001, adapter left out, freeze ["trunk"], schedule linear',
    );
  });
});

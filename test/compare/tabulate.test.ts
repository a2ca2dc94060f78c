import { describe, expect, it } from 'vitest';
import { bestOf, tabulate } from '#ortune/compare/tabulate.js';
import { measuredRun } from './runs.js';

const runs = [
  measuredRun('scratch', { seed: 0, value: 0.5, steps: 10, seconds: 2, stepMs: 20, curve: { 5: 0.3, 10: 0.5 } }),
  measuredRun('finetuned', { seed: 0, value: 0.9, steps: 10, seconds: 3, stepMs: 30, curve: { 5: 0.4, 10: 0.9 } }),
  measuredRun('scratch', { seed: 1, value: 0.7, steps: 8, seconds: 4, stepMs: 24, curve: { 5: 0.5, 8: 0.6, 10: 0.7 } }),
  measuredRun('finetuned', { seed: 1, value: 0.9, steps: 10, seconds: 3, stepMs: 31, curve: { 5: 0.8, 10: 0.9 } }),
];
const named = (name: string, metric: 'accuracy' | 'loss' = 'accuracy', of = runs) =>
  tabulate(of, metric).find((s) => s.name === name)!;

describe('tabulate', () => {
  it('gives mean, sample deviation and range over the seeds, and means of the cost', () => {
    const scratch = named('scratch');
    expect(scratch).toMatchObject({ min: 0.5, max: 0.7, trainable: 66, parameters: 17762, seconds: 3, steps: 9 });
    expect(scratch.mean).toBeCloseTo(0.6, 12);
    expect(scratch.std).toBeCloseTo(Math.sqrt(0.02), 12);
    expect(scratch.stepMs).toBe(22);
    expect(scratch.seeds).toEqual([
      { seed: 0, value: 0.5, steps: 10, seconds: 2, output: 'o/scratch-seed0/model' },
      { seed: 1, value: 0.7, steps: 8, seconds: 4, output: 'o/scratch-seed1/model' },
    ]);
  });

  it('has no deviation of one seed, and no time of a step where there was none', () => {
    const [one] = tabulate([measuredRun('untouched', { value: 0.5, steps: 0 })], 'accuracy');
    expect(one).toMatchObject({ mean: 0.5, min: 0.5, max: 0.5, steps: 0 });
    for (const key of ['std', 'stepMs', 'stepsToScratch']) expect(one).not.toHaveProperty(key);
  });

  it('keeps the order in which strategies appear', () => {
    expect(tabulate(runs, 'accuracy').map(({ name }) => name)).toEqual(['scratch', 'finetuned']);
  });
});

describe('steps to where scratch ends', () => {
  it('is the first step at which the mean over the seeds is there', () => {
    // Scratch ends at (0.5 + 0.7) / 2; fine-tuning is at (0.4 + 0.8) / 2 after 5 steps.
    expect(named('finetuned').stepsToScratch).toBe(5);
    expect(named('scratch').stepsToScratch).toBe(10);
    expect(named('finetuned', 'loss').stepsToScratch).toBe(5);
  });

  it('is left out where it never gets there, without evaluations and without scratch', () => {
    const [scratch, , other] = runs;
    const late = [scratch!, other!, measuredRun('frozen', { value: 0.4, curve: { 5: 0.3, 10: 0.4 } })];
    expect(named('frozen', 'accuracy', late)).not.toHaveProperty('stepsToScratch');
    const unknown = [scratch!, other!, measuredRun('frozen', { value: 0.9 })];
    expect(named('frozen', 'accuracy', unknown)).not.toHaveProperty('stepsToScratch');
    expect(named('finetuned', 'accuracy', [runs[1]!])).not.toHaveProperty('stepsToScratch');
  });
});

describe('bestOf', () => {
  it('is the highest mean, the lowest loss, the first of equals, and nothing of nothing', () => {
    expect(bestOf(tabulate(runs, 'accuracy'), 'accuracy')).toBe('finetuned');
    expect(bestOf(tabulate(runs, 'loss'), 'loss')).toBe('finetuned');
    const equal = ['b', 'a'].map((name) => measuredRun(name, { value: 0.5 }));
    expect(bestOf(tabulate(equal, 'accuracy'), 'accuracy')).toBe('b');
    expect(bestOf([], 'accuracy')).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { choose, expected, stepsFor } from '#ortune/advise/outlook.js';

const run = (steps: number, accuracy: number) => ({ steps, accuracy });

describe('what a whole run is expected to reach', () => {
  it('lies between no further gain and that errors fall as a power of the steps, with the error of measurement', () => {
    // Three times the steps halve the error: nine times as many quarter it.
    const { accuracy, low, high } = expected([run(10, 0.6), run(30, 0.8)], 270, 100);
    expect(accuracy).toBeCloseTo(0.95, 12);
    expect(low).toBeCloseTo(0.8 - 0.04, 12);
    expect(high).toBeCloseTo(0.95 + Math.sqrt((0.95 * 0.05) / 100), 12);
  });

  it('is what was reached where the longer run was no better, or is the whole run', () => {
    expect(expected([run(10, 0.8), run(30, 0.7)], 270, 100).accuracy).toBe(0.7);
    expect(expected([run(10, 0.6), run(30, 0.8)], 30, 100).accuracy).toBe(0.8);
    expect(expected([run(0, 0.9)], 0, 100)).toMatchObject({ accuracy: 0.9, low: 0.87, high: 0.93 });
  });
});

describe('the way to take', () => {
  const way = (name: string, accuracy: number) => ({ name, accuracy, low: accuracy, high: accuracy });

  it('is the cheapest that the best is hardly better than', () => {
    expect(choose([way('cheap', 0.9), way('dear', 0.904)])?.name).toBe('cheap');
    expect(choose([way('cheap', 0.9), way('dear', 0.906)])?.name).toBe('dear');
    expect(choose([])).toBeUndefined();
  });
});

describe('the steps of short runs', () => {
  const costs = { seconds: 100, perSample: 0.01, batch: 10, passes: [1, 3], held: 100, totalSteps: 1e6 };

  it('are as many as fit into the time, and a third of the whole run at most', () => {
    // 6 runs of 3 s and 1 s of measuring leave 76 s for 5 times 4 passes of 0.1 s.
    expect(stepsFor(costs)).toBe(38);
    expect(stepsFor({ ...costs, totalSteps: 31 })).toBe(11);
    expect(stepsFor({ ...costs, seconds: 10 })).toBeLessThan(0);
  });
});

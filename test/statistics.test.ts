import { describe, expect, it } from 'vitest';
import { mean, median, peakRssBytes, StepTimes, sampleDeviation } from '#ortune/statistics.js';

const time = (tokens: number, ms: number, samples = 4) => ({
  axes: `tokens=${tokens}`,
  batches: 1,
  samples,
  waitMs: ms / 4,
  forwardBackwardMs: ms / 2,
  updateMs: ms / 4,
});

describe('median', () => {
  it('is the middle one, the mean of the middle two, and no number of nothing', () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('leaves the list as it is', () => {
    const list = [3, 1, 2];
    median(list);
    expect(list).toEqual([3, 1, 2]);
  });
});

describe('mean', () => {
  it('is the sum over the number, and no number of nothing', () => {
    expect(mean([1, 2, 6])).toBe(3);
    expect(mean([4])).toBe(4);
    expect(mean([])).toBeNaN();
  });
});

describe('sampleDeviation', () => {
  it('divides by one less than the number of values', () => {
    expect(sampleDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 12);
    expect(sampleDeviation([1, 3])).toBeCloseTo(Math.SQRT2, 12);
  });

  it('is 0 of equal values, and exact where they are large and close together', () => {
    expect(sampleDeviation([3, 3, 3])).toBe(0);
    expect(sampleDeviation([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16])).toBeCloseTo(Math.sqrt(30), 6);
  });

  it('is no number of fewer than two', () => {
    expect(sampleDeviation([5])).toBeNaN();
    expect(sampleDeviation([])).toBeNaN();
  });
});

describe('StepTimes', () => {
  it('gives the rate of the last steps and the time that is left at their pace', () => {
    const times = new StepTimes();
    for (let i = 0; i < 10; i++) times.add(time(32, 1000));
    for (let i = 0; i < 20; i++) times.add(time(32, 100));
    expect(times.rate()).toBeCloseTo(40);
    expect(times.rate(30)).toBeCloseTo((30 * 4) / 12);
    expect(times.secondsFor(50)).toBeCloseTo(5);
    expect(times.medianMs()).toBeCloseTo(100);
  });

  it('knows nothing before the first step', () => {
    const times = new StepTimes();
    expect([times.rate(), times.secondsFor(10), times.commonAxes()]).toEqual([0, 0, undefined]);
    expect(times.medianMs()).toBeNaN();
  });

  it('finds the most common length, and leaves out the step that made its session', () => {
    const times = new StepTimes();
    for (const [length, ms] of [
      [64, 900],
      [32, 500],
      [32, 50],
      [64, 90],
      [32, 51],
    ] as const)
      times.add(time(length, ms));
    expect(times.commonAxes()).toBe('tokens=32');
    expect(times.warm('tokens=32').map((t) => t.forwardBackwardMs)).toEqual([25, 25.5]);
    expect(times.warm('tokens=128')).toEqual([]);
  });
});

describe('peakRssBytes', () => {
  it('is in bytes: more than the heap, less than a machine', () => {
    expect(peakRssBytes()).toBeGreaterThan(process.memoryUsage().heapUsed);
    expect(peakRssBytes()).toBeLessThan(64 * 2 ** 30);
  });
});

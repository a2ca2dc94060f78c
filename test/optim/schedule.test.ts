import { describe, expect, it } from 'vitest';
import { scheduleFactor } from '#ortune/optim/schedule.js';

/** transformers' `get_linear_schedule_with_warmup`, as its source has it. */
const linear = (step: number, warmup: number, total: number): number =>
  step < warmup ? step / Math.max(1, warmup) : Math.max(0, (total - step) / Math.max(1, total - warmup));
/** transformers' `get_constant_schedule_with_warmup`. */
const constant = (step: number, warmup: number): number => (step < warmup ? step / Math.max(1, warmup) : 1);

describe('scheduleFactor', () => {
  it.each([
    [0, 10],
    [1, 1],
    [3, 10],
    [10, 10],
    [20, 10],
    [42, 426],
  ])('is that of get_scheduler with %i steps of warm-up in %i', (warmupSteps, totalSteps) => {
    for (let step = 0; step <= totalSteps; step++) {
      expect(scheduleFactor({ name: 'linear', warmupSteps, totalSteps }, step)).toBe(
        linear(step, warmupSteps, totalSteps),
      );
      expect(scheduleFactor({ name: 'constant', warmupSteps, totalSteps }, step)).toBe(constant(step, warmupSteps));
    }
  });

  it('stays at 0 behind the last step', () => {
    expect(scheduleFactor({ name: 'linear', warmupSteps: 0, totalSteps: 5 }, 9)).toBe(0);
  });
});

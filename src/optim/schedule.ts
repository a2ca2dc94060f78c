// Learning-rate schedules: a factor of the base rate as a function of the step, so that resuming needs no state.

export type ScheduleName = 'linear' | 'constant';

export interface Schedule {
  name: ScheduleName;
  /** Steps over which the rate rises linearly from 0. */
  warmupSteps: number;
  totalSteps: number;
}

/**
 * Factor for optimizer step `step` (0-based): transformers' `get_scheduler`, whose 'constant_with_warmup' is our
 * 'constant'. With a warm-up the first step has the rate 0.
 */
export function scheduleFactor(schedule: Schedule, step: number): number {
  const { warmupSteps, totalSteps } = schedule;
  if (step < warmupSteps) return step / warmupSteps;
  if (schedule.name === 'constant') return 1;
  return Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
}

// Learning-rate schedules: a factor of the base rate as a function of the step, so that resuming needs no state.

export type ScheduleName = 'linear' | 'constant';

export interface Schedule {
  name: ScheduleName;
  /** Steps over which the rate rises linearly from 0. */
  warmupSteps: number;
  totalSteps: number;
}

/** Factor for optimizer step `step` (0-based); the names and shapes are those of transformers' `get_scheduler`. */
export function scheduleFactor(schedule: Schedule, step: number): number {
  const { warmupSteps, totalSteps } = schedule;
  if (step < warmupSteps) return (step + 1) / Math.max(1, warmupSteps);
  if (schedule.name === 'constant') return 1;
  return Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
}

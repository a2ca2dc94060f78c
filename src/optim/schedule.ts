// Learning-rate schedules: a factor of the base rate as a function of the step, so that resuming needs no state.
// Every schedule is that of transformers' `get_scheduler` with the same arguments, after which the options are named.
// It knows nothing of groups: each group's own rate is multiplied by the one factor, as PyTorch's LambdaLR does.

import { UsageError } from '../errors.js';

export type ScheduleName = 'linear' | 'cosine' | 'cosine_with_restarts' | 'polynomial' | 'constant';

export interface Schedule {
  name: ScheduleName;
  /** Steps over which the rate rises linearly from 0; may exceed `totalSteps`: then the run ends while it rises. */
  warmupSteps: number;
  totalSteps: number;
  /** cosine: waves, default 0.5 (down once); cosine_with_restarts: times it goes down, default 1. */
  cycles?: number;
  /** polynomial: exponent, default 1. */
  power?: number;
  /** polynomial: factor at the end, default 0. */
  end?: number;
}

/** The options of a run that decide its schedule. */
export interface ScheduleOptions {
  schedule: ScheduleName;
  learningRate: number;
  warmupRatio: number;
  warmupSteps?: number | undefined;
  scheduleCycles?: number | undefined;
  schedulePower: number;
  learningRateEnd: number;
}

/**
 * Factor for optimizer step `step` (0-based); from `totalSteps` on it stays at its end. With a warm-up the first step
 * has the rate 0. transformers' name for our 'constant' is 'constant_with_warmup'.
 */
export function scheduleFactor(schedule: Schedule, step: number): number {
  const { name, warmupSteps, totalSteps } = schedule;
  if (step < warmupSteps) return step / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  switch (name) {
    case 'constant':
      return 1;
    case 'linear':
      return Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
    case 'cosine':
      return halfCosine(2 * (schedule.cycles ?? 0.5) * progress);
    case 'cosine_with_restarts':
      return progress >= 1 ? 0 : halfCosine(((schedule.cycles ?? 1) * progress) % 1);
    case 'polynomial': {
      const { power = 1, end = 0 } = schedule;
      return step >= totalSteps ? end : (1 - end) * (1 - progress) ** power + end;
    }
  }
}

/** From 1 at 0 down to 0 at 1, and up again. */
const halfCosine = (x: number): number => 0.5 * (1 + Math.cos(Math.PI * x));

/**
 * The schedule of a run of `totalSteps`. `warmupSteps` counts before `warmupRatio`, whose share is rounded to whole
 * steps.
 * @throws UsageError when a polynomial schedule would not end below learningRate
 */
export function scheduleOf(options: ScheduleOptions, totalSteps: number): Schedule {
  const { schedule: name, learningRate, learningRateEnd, scheduleCycles } = options;
  if (name === 'polynomial' && learningRateEnd >= learningRate)
    throw new UsageError(
      `learningRateEnd (${learningRateEnd}) must be less than learningRate (${learningRate}): the polynomial schedule ` +
        'goes down to it. Lower learningRateEnd, or choose another schedule.',
    );
  return {
    name,
    warmupSteps: options.warmupSteps ?? Math.round(options.warmupRatio * totalSteps),
    totalSteps,
    ...(scheduleCycles !== undefined && { cycles: scheduleCycles }),
    power: options.schedulePower,
    end: learningRateEnd / learningRate,
  };
}

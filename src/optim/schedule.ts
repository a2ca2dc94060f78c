// Learning-rate schedules: a factor of the base rate as a function of the step, so that resuming needs no state.
// The first six are those of transformers' `get_scheduler` with the same arguments, after which the options are named;
// one_cycle is torch's OneCycleLR without its cycle of momentum, step and exponential its StepLR and ExponentialLR.
// It knows nothing of groups: each group's own rate is multiplied by the one factor, as PyTorch's LambdaLR does.

import { UsageError } from '../errors.js';

export const scheduleNames = [
  'linear',
  'cosine',
  'cosine_with_restarts',
  'polynomial',
  'constant',
  'warmup_stable_decay',
  'one_cycle',
  'step',
  'exponential',
] as const;
export type ScheduleName = (typeof scheduleNames)[number];

export interface Schedule {
  name: ScheduleName;
  /** Steps over which the rate rises linearly from 0; may exceed `totalSteps`: then the run ends while it rises. */
  warmupSteps: number;
  totalSteps: number;
  /** cosine: waves, default 0.5 (down once); cosine_with_restarts: times it goes down, default 1. */
  cycles?: number;
  /** polynomial: exponent, default 1. */
  power?: number;
  /** polynomial, warmup_stable_decay: factor at the end, default 0. */
  end?: number;
  /** warmup_stable_decay: steps at the end over which the rate goes down, default 0. */
  decaySteps?: number;
  /** step, exponential: what the rate is multiplied by every `every` steps, default 0.1. */
  gamma?: number;
  /** step, exponential: steps, default 1. */
  every?: number;
}

/** The options of a run that decide its schedule. */
export interface ScheduleOptions {
  schedule: ScheduleName;
  learningRate: number;
  warmupRatio: number;
  warmupSteps?: number | undefined;
  scheduleCycles?: number | undefined;
  schedulePower: number;
  scheduleDecayRatio: number;
  scheduleGamma: number;
  scheduleStepSize?: number | undefined;
  learningRateEnd: number;
}

/**
 * Factor for optimizer step `step` (0-based); from `totalSteps` on it stays at its end. With a warm-up the first step
 * has the rate 0, or its end with warmup_stable_decay, or with one_cycle a twenty-fifth of the highest. transformers'
 * name for our 'constant' is 'constant_with_warmup'.
 */
export function scheduleFactor(schedule: Schedule, step: number): number {
  const { name, warmupSteps, totalSteps } = schedule;
  if (name === 'one_cycle') return oneCycle(schedule, step);
  if (step < warmupSteps) {
    const low = name === 'warmup_stable_decay' ? (schedule.end ?? 0) : 0;
    return low + ((1 - low) * step) / warmupSteps;
  }
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
    case 'warmup_stable_decay': {
      const { decaySteps = 0, end = 0, cycles = 0.5 } = schedule;
      const falling = step - (totalSteps - decaySteps);
      if (falling < 0) return 1;
      return falling < decaySteps ? end + (1 - end) * halfCosine((2 * cycles * falling) / decaySteps) : end;
    }
    case 'step':
    case 'exponential': {
      const { gamma = 0.1, every = 1 } = schedule;
      const times = (Math.min(step, totalSteps) - warmupSteps) / every;
      return gamma ** (name === 'step' ? Math.floor(times) : times);
    }
  }
}

/** Up from 1/25 over the warm-up and down to a ten-thousandth of that by the last step, both along a cosine. */
function oneCycle({ warmupSteps, totalSteps }: Schedule, step: number): number {
  const [start, end] = [1 / 25, 1 / 25 / 1e4];
  const [top, last] = [warmupSteps - 1, totalSteps - 1];
  if (step < top) return 1 + (start - 1) * halfCosine(step / top);
  return step >= last ? end : end + (1 - end) * halfCosine((step - top) / (last - top));
}

/** From 1 at 0 down to 0 at 1, and up again. */
const halfCosine = (x: number): number => 0.5 * (1 + Math.cos(Math.PI * x));

/**
 * The schedule of a run of `totalSteps`. `warmupSteps` counts before `warmupRatio`, whose share is rounded to whole
 * steps, and so is that of `scheduleDecayRatio`.
 * @throws UsageError when a schedule that goes down to learningRateEnd would not end below learningRate, and when the
 *   steps of warm-up and decay are more than there are
 */
export function scheduleOf(options: ScheduleOptions, totalSteps: number): Schedule {
  const { schedule: name, learningRate, learningRateEnd, scheduleCycles } = options;
  if ((name === 'polynomial' || name === 'warmup_stable_decay') && learningRateEnd >= learningRate)
    throw new UsageError(
      `learningRateEnd (${learningRateEnd}) must be less than learningRate (${learningRate}): the schedule ${name} ` +
        'goes down to it. Lower learningRateEnd, or choose another schedule.',
    );
  const warmupSteps = options.warmupSteps ?? Math.round(options.warmupRatio * totalSteps);
  const decaySteps = Math.round(options.scheduleDecayRatio * totalSteps);
  if (name === 'warmup_stable_decay' && warmupSteps + decaySteps > totalSteps)
    throw new UsageError(
      `${warmupSteps} steps of warm-up and ${decaySteps} of decay are more than the ${totalSteps} of the run. Lower ` +
        'warmupSteps, warmupRatio or scheduleDecayRatio.',
    );
  return {
    name,
    warmupSteps,
    totalSteps,
    ...(scheduleCycles !== undefined && { cycles: scheduleCycles }),
    power: options.schedulePower,
    end: learningRateEnd / learningRate,
    decaySteps,
    gamma: options.scheduleGamma,
    every: options.scheduleStepSize ?? Math.max(1, Math.ceil((totalSteps - warmupSteps) / 3)),
  };
}

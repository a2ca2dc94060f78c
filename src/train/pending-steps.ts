// Steps that were taken and whose outcomes were not collected yet: one at a time on the CPU, more on a device, which
// would have to be waited for. What is said of a step later is kept here, since its batches are gone by then.

import { describeSamples, type Samples } from '../data/samples.js';
import { axesKey } from '../data/slots.js';
import { lossScale } from '../optim/loss-scale.js';
import type { StepOutcome } from '../optim/update.js';
import type { StepTime } from '../statistics.js';
import type { StepBatches, TakenStep } from './taken-step.js';

export interface PendingStep extends TakenStep {
  /** Number of the step, from 0, and of its epoch. */
  step: number;
  epoch: number;
  /** When its batches were there. */
  startedMs: number;
  /** Of its batches. */
  rows: readonly Pick<Samples, 'samples' | 'location'>[];
  /** Texts that were cut. */
  truncated: number;
  time: StepTime;
}

export function pendingStep(
  { step, epoch, batches, waitMs }: StepBatches,
  startedMs: number,
  taken: TakenStep,
): PendingStep {
  const shapes = new Set(batches.map(({ axes }) => axesKey(axes)));
  const { forwardBackwardMs, updateMs } = taken;
  return {
    ...taken,
    step,
    epoch,
    startedMs,
    rows: batches.map(({ samples, location }) => ({ samples, location })),
    truncated: batches.reduce((n, batch) => n + batch.truncated, 0),
    time: {
      axes: shapes.size === 1 ? axesKey(batches[0]!.axes) : undefined,
      batches: batches.length,
      samples: batches.reduce((n, batch) => n + batch.samples.length, 0),
      waitMs,
      forwardBackwardMs,
      updateMs,
    },
  };
}

/**
 * The times of steps that were enqueued on a device one after another and done at `endedMs`: the same for each,
 * waiting aside.
 */
export function spreadTimes(steps: readonly PendingStep[], endedMs: number): StepTime[] {
  const waited = steps.slice(1).reduce((ms, { time }) => ms + time.waitMs, 0);
  const each = Math.max(0, endedMs - steps[0]!.startedMs - waited) / steps.length;
  return steps.map(({ time }) => ({ ...time, forwardBackwardMs: each, updateMs: 0 }));
}

/** Where the samples of batches are. */
export const placesOf = (batches: PendingStep['rows']): string[] =>
  batches.flatMap(({ samples, location }) => Array.from(samples, (_, row) => location(row)));

export const describeStep = ({ rows }: PendingStep): string => rows.map(describeSamples).join('; ');

/**
 * Why a step that changed nothing may be no more than gradients too large for float16, which the next scale helps; or
 * not.
 */
export function overflow({ loss, bad, lossScale: scale }: StepOutcome): string | undefined {
  if (bad === undefined || scale === undefined || scale <= lossScale.least || !Number.isFinite(loss)) return undefined;
  return `${bad} overflowed float16 with the loss times ${scale}, which is halved`;
}

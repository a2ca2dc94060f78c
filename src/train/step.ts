// One optimizer step: gradients of the step's batches, added up and divided by the weights of them all, then the update.
// A step whose loss or gradient is not finite changes no weight and no running average; what becomes of the run is for the
// trainer.

import type { Batch } from '../data/feeder.js';
import { DeviceError } from '../errors.js';
import { scheduleFactor } from '../optim/schedule.js';
import type { Traffic } from '../runtime/session.js';
import type { Normalisers } from './engine.js';
import type { Run } from './run.js';
import type { StepBatches } from './step-batches.js';

export interface StepOutcome {
  /** Σ weight·loss over the samples of the step / Σ weight. */
  loss: number;
  learningRate: number;
  /** Global norm before clipping; NaN where the loss was not finite already. */
  gradNorm: number;
  forwardBackwardMs: number;
  /** Adding gradients up included. */
  updateMs: number;
  /** What crossed to the device and back, where it has memory of its own. */
  traffic?: Traffic;
  /** What is not finite, where something is: then nothing was updated. */
  bad?: string;
}

/** Takes the step that `batches` are for. */
export async function takeStep(run: Run, { step, batches }: StepBatches): Promise<StepOutcome> {
  const { config, engine, accumulator, optimizer } = run;
  const factor = scheduleFactor(run.schedule, step);
  const normalisers = normalisersOf(batches);
  const before = { ...engine.device.traffic };
  const started = performance.now();
  let loss = 0;
  let addingMs = 0;
  for (const [microStep, batch] of batches.entries()) {
    batch.slot.to('running');
    const key = { seed: config.seed, step, microStep };
    loss += await engine.forwardBackward(batch, normalisers, key).catch((error) => undoStep(run, error));
    const adding = performance.now();
    await accumulator?.add(microStep === 0);
    addingMs += performance.now() - adding;
    batch.slot.to('bound');
  }
  const updating = performance.now();
  const average = await engine.averages.firstBad();
  const finite = Number.isFinite(loss) && average === undefined;
  const gradNorm = finite ? await optimizer.step(factor, config.maxGradNorm) : Number.NaN;
  const bad = finite
    ? Number.isFinite(gradNorm)
      ? undefined
      : `the gradient norm (${gradNorm})`
    : average === undefined
      ? `the loss (${loss})`
      : `the running average '${average}'`;
  if (bad !== undefined) await engine.averages.undo();
  return {
    loss,
    learningRate: config.learningRate * factor,
    gradNorm,
    forwardBackwardMs: updating - started - addingMs,
    updateMs: performance.now() - updating + addingMs,
    ...(engine.device.kind !== 'cpu' && { traffic: since(before, engine.device.traffic) }),
    ...(bad !== undefined && { bad }),
  };
}

/** An error of forward or backward leaves the weights and the averages as they were before the step. */
async function undoStep({ engine }: Run, error: unknown): Promise<never> {
  if (error instanceof DeviceError && error.exhausted && !error.lost)
    error.weightsIntact = await engine.averages.undo().then(
      () => true,
      () => false,
    );
  throw error;
}

const since = (before: Traffic, now: Traffic): Traffic => ({ up: now.up - before.up, down: now.down - before.down });

/** The sums of the batches' weights. Samples of weight 0 alone give a loss of 0, not 0 / 0. */
export function normalisersOf(batches: readonly Pick<Batch, 'weights'>[]): Normalisers {
  const names = Object.keys(batches[0]?.weights ?? {});
  return Object.fromEntries(
    names.map((name) => [name, batches.reduce((sum, { weights }) => sum + weights[name]!, 0) || 1]),
  );
}

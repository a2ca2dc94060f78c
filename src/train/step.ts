// One optimizer step: gradients of the step's batches, added up and divided by the weights of them all, then the
// update, which changes no weight and no running average where the loss or a gradient is not finite. What becomes of
// the run then is for the trainer.

import type { Batch } from '../data/loader.js';
import type { Normalisers } from '../engine/engine.js';
import { DeviceError } from '../errors.js';
import { scheduleFactor } from '../optim/schedule.js';
import type { Traffic } from '../runtime/session.js';
import type { Run } from './run.js';
import { pullbacks } from './step-loss.js';
import type { StepBatches, TakenStep } from './taken-step.js';

/** Takes the step that `batches` are for; on a device it is only enqueued. */
export async function takeStep(run: Run, { step, batches }: StepBatches): Promise<TakenStep> {
  const { config, engine, accumulator, optimizer } = run;
  const factor = scheduleFactor(run.schedule, step) * run.progress.learningRateFactor;
  const normalisers = normalisersOf(batches);
  const before = { ...engine.device.traffic };
  const started = performance.now();
  if (run.teacher) for (const batch of batches) await run.teacher.teach(batch);
  const pulled = await pullbacks(run, { step, batches }).catch(weightsIntact);
  let addingMs = 0;
  for (const [microStep, batch] of batches.entries()) {
    batch.slot.to('running');
    const key = { seed: config.seed, step, microStep };
    const taken = pulled
      ? engine.forwardBackward(pulled[microStep]!, normalisers, key, 'pullback')
      : engine.forwardBackward(batch, normalisers, key);
    await taken.catch((error) => undoStep(run, error));
    const adding = performance.now();
    await accumulator?.add(microStep === 0);
    addingMs += performance.now() - adding;
    batch.slot.to('bound');
  }
  const updating = performance.now();
  await optimizer.update(factor, config.maxGradNorm, step);
  return {
    learningRate: config.learningRate * factor,
    weight: batches.reduce((sum, { weights }) => sum + Object.values(weights).reduce((a, b) => a + b, 0), 0),
    forwardBackwardMs: updating - started - addingMs,
    updateMs: performance.now() - updating + addingMs,
    ...(engine.device.ownMemory && { traffic: since(before, engine.device.traffic) }),
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

/** An error before anything of the step was written. */
function weightsIntact(error: unknown): never {
  if (error instanceof DeviceError && error.exhausted && !error.lost) error.weightsIntact = true;
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

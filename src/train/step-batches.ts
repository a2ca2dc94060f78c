// The batches of each optimizer step, epoch after epoch, from any step on. What a step sees is a function of its number
// alone, so a resumed run goes on with exactly the batches that were due.

import type { Batch } from '../data/loader.js';
import type { Run } from './run.js';
import type { StepBatches } from './taken-step.js';

/**
 * From step `first` to the end of the run. @throws the signal's reason where it is aborted while a batch is waited for
 */
export async function* stepBatches(
  run: Run,
  first: number,
  signal?: AbortSignal,
): AsyncGenerator<StepBatches, void, void> {
  const { config, data, engine, trunk, length } = run;
  const { batchSize, seed, gradientAccumulationSteps: perStep } = config;
  const whole = engine.dropLast;
  let step = first;
  while (step < length.totalSteps) {
    const epoch = Math.floor(step / length.stepsPerEpoch);
    const from = (step % length.stepsPerEpoch) * perStep;
    let left = data.train.batches(batchSize, whole) - from;
    let batches: Batch[] = [];
    let waitStarted = performance.now();
    try {
      const rows = data.train.rows({ batchSize, seed, epoch, from, whole });
      for await (const batch of trunk.source('train').batches(rows, { seed, epoch, augment: true, signal })) {
        batches.push(batch);
        left--;
        if (batches.length < perStep && left > 0) continue;
        yield { step, epoch, batches, waitMs: performance.now() - waitStarted };
        step++;
        for (const used of batches) used.release();
        batches = [];
        if (step === length.totalSteps) return;
        waitStarted = performance.now();
      }
    } finally {
      for (const unused of batches) unused.release();
    }
  }
}

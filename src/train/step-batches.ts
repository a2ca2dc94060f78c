// The batches of each optimizer step, epoch after epoch, from any step on. What a step sees is a function of its number
// alone, so a resumed run goes on with exactly the batches that were due. Where there are texts without labels beside
// the training data, so many steps of theirs come before each one of it.

import type { Batch } from '../data/loader.js';
import type { Run } from './run.js';
import type { StepBatches } from './taken-step.js';

/** Which data a step is of. */
type Source = 'train' | 'corpus';

/**
 * From step `first` to the end of the run. @throws the signal's reason where it is aborted while a batch is waited for
 */
export async function* stepBatches(
  run: Run,
  first: number,
  signal?: AbortSignal,
): AsyncGenerator<StepBatches, void, void> {
  const { totalSteps, stepsPerEpoch, corpusSteps } = run.length;
  const cycle = corpusSteps + 1;
  const trained = Math.floor(first / cycle);
  const sources = {
    train: batchesOf(run, 'train', trained, signal),
    corpus: batchesOf(run, 'corpus', first - trained, signal),
  };
  try {
    for (let step = first; step < totalSteps; step++) {
      const waitStarted = performance.now();
      const next = await sources[(step + 1) % cycle === 0 ? 'train' : 'corpus'].next();
      const batches = next.value as Batch[];
      try {
        const epoch = Math.floor(step / stepsPerEpoch);
        yield { step, epoch, batches, waitMs: performance.now() - waitStarted };
      } finally {
        for (const used of batches) used.release();
      }
    }
  } finally {
    for (const source of Object.values(sources)) await source.return();
  }
}

/** Of one kind of data, those of its own step `first` on, without end; who takes them releases them. */
async function* batchesOf(
  { config, data, engine, trunk, loader }: Run,
  source: Source,
  first: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Batch[], void, void> {
  const { batchSize, seed, gradientAccumulationSteps: perStep } = config;
  const whole = engine.dropLast;
  const dataset = data[source]!;
  const perEpoch = Math.ceil(dataset.batches(batchSize, whole) / perStep);
  let from = (first % perEpoch) * perStep;
  for (let epoch = Math.floor(first / perEpoch); ; epoch++) {
    let left = dataset.batches(batchSize, whole) - from;
    let batches: Batch[] = [];
    try {
      const rows = dataset.rows({ batchSize, seed, epoch, from, whole });
      const loaded = source === 'train' ? trunk.source('train') : loader;
      for await (const batch of loaded.batches(rows, { seed, epoch, augment: true, signal })) {
        batches.push(batch);
        left--;
        if (batches.length < perStep && left > 0) continue;
        const step = batches;
        batches = [];
        yield step;
      }
    } finally {
      for (const unused of batches) unused.release();
    }
    from = 0;
  }
}

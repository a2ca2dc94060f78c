// How well the device was fed: the time of a real step over the same step on a batch that is already there, with the
// workers idle. Measured after the run on the length most steps had; gradients change, weights do not.

import type { DataPart } from '../data/dataset.js';
import type { BatchSource } from '../data/feeder.js';
import type { Engine } from './engine.js';
import { median, type StepTimes, totalMs } from './statistics.js';
import { normalisersOf } from './step.js';

const leastSteps = 20;
const repeats = 5;

/** Undefined for a run of too few steps of one length to tell. */
export async function feedRatio(
  engine: Engine,
  feeder: BatchSource,
  data: DataPart,
  times: StepTimes,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const length = times.commonLength();
  const real = times.warm(length);
  if (real.length < leastSteps) return undefined;
  const staged = await stagedMs(engine, feeder, data, length, signal);
  if (staged === undefined) return undefined;
  // Batch by batch, since a step may add up several.
  const realMs = median(real.map((t) => totalMs(t) / t.batches));
  return realMs / (staged + median(real.map((t) => t.updateMs / t.batches)));
}

async function stagedMs(
  engine: Engine,
  feeder: BatchSource,
  data: DataPart,
  length: number,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const batchSize = feeder.layout.batchSize;
  const rows = data.rows({ batchSize, seed: 0, epoch: 0, signal });
  for await (const batch of feeder.batches(rows, { signal })) {
    if (batch.length === length) {
      const ms: number[] = [];
      for (let i = 0; i < repeats; i++) {
        const started = performance.now();
        await engine.forwardBackward(batch, normalisersOf([batch]), { seed: 0, step: 0, microStep: i });
        await engine.loss();
        ms.push(performance.now() - started);
      }
      await engine.averages.undo();
      batch.release();
      return median(ms);
    }
    batch.release();
  }
  return undefined;
}

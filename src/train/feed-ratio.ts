// How well the device was fed: the time of a real step over the same step on a batch that is already there, with the
// workers idle. Measured after the run on the shape most steps had; gradients change, weights do not.

import type { Batch } from '../data/loader.js';
import { axesKey, batchSizeOf } from '../data/slots.js';
import { median, totalMs } from '../statistics.js';
import type { Run } from './run.js';
import { normalisersOf } from './step.js';

const leastSteps = 20;
const repeats = 5;

/** The ratio; undefined with too few steps of one length. The run must be over: a device goes on training here. */
export async function feedRatio(run: Run, signal?: AbortSignal): Promise<number | undefined> {
  const { times, engine } = run;
  const axes = times.commonAxes();
  const real = axes === undefined ? [] : times.warm(axes);
  if (real.length < leastSteps) return undefined;
  const staged = await stagedMs(run, axes!, signal);
  if (staged === undefined) return undefined;
  // Batch by batch, since a step may add up several.
  const realMs = median(real.map((t) => totalMs(t) / t.batches));
  const updateMs = engine.device.asynchronous ? 0 : median(real.map((t) => t.updateMs / t.batches));
  return realMs / (staged + updateMs);
}

async function stagedMs(run: Run, axes: string, signal: AbortSignal | undefined): Promise<number | undefined> {
  const { engine, data } = run;
  const loader = run.trunk.source('train');
  const batchSize = batchSizeOf(loader.layout);
  const rows = data.train.rows({ batchSize, seed: 0, epoch: 0, signal });
  for await (const batch of loader.batches(rows, { signal })) {
    const ms = axesKey(batch.axes) === axes ? await passesMs(run, batch) : undefined;
    batch.release();
    if (ms === undefined) continue;
    await engine.averages.undo();
    return ms;
  }
  return undefined;
}

/** Of forward and backward; on an asynchronous device of whole steps of one batch. */
async function passesMs({ engine, optimizer, syncEvery, config }: Run, batch: Batch): Promise<number> {
  const pass = (microStep: number) =>
    engine.forwardBackward(batch, normalisersOf([batch]), { seed: 0, step: 0, microStep });
  if (engine.device.asynchronous) {
    const steps = Math.min(repeats, syncEvery);
    const started = performance.now();
    for (let i = 0; i < steps; i++) {
      await pass(0);
      await optimizer.update(0, config.maxGradNorm);
    }
    await optimizer.outcomes();
    return (performance.now() - started) / steps;
  }
  const ms: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const started = performance.now();
    await pass(i);
    ms.push(performance.now() - started);
  }
  return median(ms);
}

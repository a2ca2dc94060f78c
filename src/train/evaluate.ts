// Evaluation: batch by batch, counted and forgotten (meters.ts). During training it runs on ortune's own sessions; the
// command measures the saved file, as any other program would open it, with the stock onnxruntime-node session.

import { parseOptions } from '../config/options.js';
import { type EvalOptions, evalSchema } from '../config/schema.js';
import type { Dataset } from '../data/dataset.js';
import type { BatchSource, DataLoader } from '../data/feeder.js';
import { withoutTensors } from '../data/images/tensors.js';
import type { OpenedDataset } from '../data/splits.js';
import { UsageError } from '../errors.js';
import type { Metrics } from '../metrics/names.js';
import type { ResolveOptions } from '../models/hub.js';
import { peakRssBytes, StepTimes } from '../statistics.js';
import { BadSamples, type SkippedSample } from './bad-samples.js';
import { openEvaluation, openFeeder, taskOf } from './data.js';
import { type Measured, meterOf, type Source } from './meters.js';
import { openSavedModel } from './saved-model.js';

export interface EvalResult {
  metrics: Metrics;
  samplesPerSecond: number;
  /** Median time of a batch. */
  stepMs: number;
  peakRssBytes: number;
  seconds: number;
  /** Texts cut to maxLength. */
  truncated: number;
  /** Pictures that could not be decoded and were left out: where each is, and why. */
  badSamples: readonly SkippedSample[];
}

/** Metrics of all samples. */
export async function measureEvaluation(
  source: Source,
  feeder: BatchSource,
  data: Dataset,
  measured: Omit<Measured, 'samples'>,
  options: { signal?: AbortSignal | undefined; times?: StepTimes } = {},
): Promise<Metrics & { truncated: number }> {
  const meter = meterOf(source, { ...measured, samples: data.samples });
  const { signal } = options;
  const rows = data.rows({ batchSize: feeder.layout.batchSize, seed: 0, epoch: 0, signal });
  let truncated = 0;
  let asked = performance.now();
  for await (const batch of feeder.batches(rows, { signal })) {
    const started = performance.now();
    batch.slot.to('running');
    const samples = batch.samples.length;
    await meter.add(batch);
    batch.slot.to('bound');
    truncated += batch.truncated;
    const forwardBackwardMs = performance.now() - started;
    options.times?.add({
      length: batch.length,
      batches: 1,
      samples,
      waitMs: started - asked,
      forwardBackwardMs,
      updateMs: 0,
    });
    batch.release();
    asked = performance.now();
  }
  return { ...meter.result(), truncated };
}

/**
 * Measures a model directory on labelled data.
 * @throws UsageError, DataError (an unknown label with its line), ModelError
 */
export async function evaluate(options: EvalOptions, { signal, onDownload }: ResolveOptions = {}): Promise<EvalResult> {
  const { options: given, tensors } = withoutTensors(options);
  const config = parseOptions(evalSchema, given);
  const started = performance.now();
  const model = await openSavedModel(config, { signal, onDownload });
  let feeder: DataLoader | undefined;
  let opened: OpenedDataset | undefined;
  try {
    const asked = { ...config, multiLabel: config.multiLabel || model.multiLabel };
    const task = taskOf(asked);
    const labels = task.name === 'masked-lm' ? undefined : model.labels;
    if (labels?.length === 0)
      throw new UsageError(
        `${config.model}: config.json names no labels (id2label), so there is nothing to compare with`,
      );
    opened = await openEvaluation(asked, tensors, labels, signal);
    const bad = new BadSamples({ samples: opened.data.samples, maxBadSamples: config.maxBadSamples }, () => {});
    feeder = openFeeder({ ...config, badSample: (sample) => bad.add(sample) }, model, task, [opened.data]).feeder;
    const times = new StepTimes();
    const measured = { labels: labels ?? [], task };
    const { truncated, ...metrics } = await measureEvaluation(model, feeder, opened.data, measured, { signal, times });
    return {
      metrics,
      samplesPerSecond: times.rate(times.all.length),
      stepMs: times.medianMs(),
      peakRssBytes: peakRssBytes(),
      seconds: (performance.now() - started) / 1000,
      truncated,
      badSamples: bad.all,
    };
  } finally {
    await feeder?.close();
    await opened?.close();
    await model.close();
  }
}

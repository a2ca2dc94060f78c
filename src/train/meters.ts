// How each task measures: batch by batch, from what a model says of them. During training the model is ortune's engine,
// for the command the saved file; both are sources.

import type { Batch } from '../data/feeder.js';
import type { EngineBatch } from '../engine/engine.js';
import { ClassificationMetrics } from '../metrics/classification.js';
import { ImageClassificationMetrics } from '../metrics/image-classification.js';
import { MaskedLmMetrics, type MaskedScores } from '../metrics/masked-lm.js';
import { MultiLabelMetrics } from '../metrics/multi-label.js';
import type { Metrics } from '../metrics/names.js';
import type { TensorView } from '../runtime/session.js';
import type { Task } from '../tasks/task.js';

export interface Source {
  /** Logits [batch, labels]. */
  predict(batch: EngineBatch): Promise<Pick<TensorView, 'data'>>;
  maskedScores(batch: EngineBatch): Promise<MaskedScores>;
}

/** What an evaluation is of. */
export interface Measured {
  labels: readonly string[];
  /** How many there are. */
  samples: number;
  task: Task;
}

export interface Meter {
  add(batch: Batch): Promise<void>;
  result(): Metrics;
}

export function meterOf(source: Source, { labels, samples, task }: Measured): Meter {
  if (task.name === 'masked-lm') return maskedMeter(source);
  if (task.name === 'image-classification')
    return imageMeter(source, labels, task.targets === 'labels' ? samples : undefined);
  const metrics = new ClassificationMetrics(labels);
  return {
    async add(batch) {
      metrics.add((await source.predict(batch)).data as Float32Array, batch.labels);
    },
    result: () => metrics.result(),
  };
}

/** `samples`: how many there are, where several labels may hold at once. */
function imageMeter(source: Source, labels: readonly string[], samples: number | undefined): Meter {
  if (samples !== undefined) {
    const metrics = new MultiLabelMetrics(labels, samples);
    return {
      async add(batch) {
        metrics.add((await source.predict(batch)).data as Float32Array, batch.targets!, batch.samples.length);
      },
      result: () => metrics.result(),
    };
  }
  const metrics = new ImageClassificationMetrics(labels);
  return {
    async add(batch) {
      metrics.add((await source.predict(batch)).data as Float32Array, batch.labels, batch.targets);
    },
    result: () => metrics.result(),
  };
}

function maskedMeter(source: Source): Meter {
  const metrics = new MaskedLmMetrics();
  return {
    async add(batch) {
      const data = (name: string) => batch.inputs.get(name)?.data as ArrayLike<number | bigint>;
      const pairs = batch.inputs.has('pair_labels')
        ? { labels: data('pair_labels'), weights: data('pair_weights') as ArrayLike<number> }
        : undefined;
      const targets = { labels: data('labels'), weights: data('sample_weights') as ArrayLike<number>, pairs };
      metrics.add(batch.samples.length, await source.maskedScores(batch), targets);
    },
    result: () => metrics.result(),
  };
}

// How each task measures: batch by batch, from what a model says of them. During training the model is ortune's engine,
// for the command the saved file; both are sources.

import type { Batch } from '../data/feeder.js';
import { ClassificationMetrics } from '../metrics/classification.js';
import { MaskedLmMetrics, type MaskedScores } from '../metrics/masked-lm.js';
import type { Metrics } from '../metrics/names.js';
import type { TensorView } from '../runtime/session.js';
import type { Task } from '../tasks/task.js';
import type { EngineBatch } from './engine.js';

export interface Source {
  /** Logits [batch, labels]. */
  predict(batch: EngineBatch): Promise<Pick<TensorView, 'data'>>;
  maskedScores(batch: EngineBatch): Promise<MaskedScores>;
}

/** What an evaluation is of: classes, or masked tokens. */
export interface Measured {
  labels: readonly string[];
  task: Task;
}

export interface Meter {
  add(batch: Batch): Promise<void>;
  result(): Metrics;
}

export function meterOf(source: Source, { labels, task }: Measured): Meter {
  if (task.name === 'masked-lm') return maskedMeter(source);
  const metrics = new ClassificationMetrics(labels);
  return {
    async add(batch) {
      metrics.add((await source.predict(batch)).data as Float32Array, batch.labels);
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

// What is measured of a classifier whose labels hold independently of each other. A label is predicted where its
// probability is at least one half; counts grow batch by batch. Average precision needs an order over all samples, so
// the score and the target of every sample and label are kept: 5 bytes each, up to a bound. Figures are scikit-learn's
// with zero_division=0:
// means are over all labels, as its own are of targets that are rows of 0 and 1.

import { UsageError } from '../errors.js';
import { averagePrecision } from './average-precision.js';
import { type ClassMetrics, meanScores, ratio, type Scores } from './classification.js';

/** Scores that are kept at most: 640 MB with their targets. */
export const mostScores = 2 ** 27;

export interface LabelMetrics extends ClassMetrics {
  averagePrecision: number;
}

export interface MultiLabelResult {
  samples: number;
  /** Mean binary cross-entropy over samples and labels, in nats. */
  loss: number;
  /** Mean over the labels of the average precision; a label that no sample has counts as 0. */
  meanAveragePrecision: number;
  /** Share of the samples whose labels are all right. */
  accuracy: number;
  /** Over all pairs of sample and label (micro). */
  precision: number;
  recall: number;
  f1: number;
  /** Unweighted means over the labels. */
  macro: Scores;
  classes: LabelMetrics[];
}

export class MultiLabelMetrics {
  readonly labels: readonly string[];
  readonly #scores: Float32Array;
  readonly #holds: Uint8Array;
  #samples = 0;
  #exact = 0;
  #loss = 0;

  /** @throws UsageError for more samples than scores can be kept of */
  constructor(labels: readonly string[], samples: number) {
    this.labels = labels;
    const size = samples * labels.length;
    if (size > mostScores)
      throw new UsageError(
        `${samples} samples with ${labels.length} labels are too many to order by score: at most ${mostScores} scores are kept; evaluate on fewer`,
      );
    this.#scores = new Float32Array(size);
    this.#holds = new Uint8Array(size);
  }

  /** Adds the first `count` rows of a batch: logits and targets [B, L], row by row. */
  add(logits: ArrayLike<number>, targets: ArrayLike<number>, count: number): void {
    const size = this.labels.length;
    for (let row = 0; row < count; row++) {
      let exact = true;
      let loss = 0;
      // Label by label in memory, since each is ordered by itself.
      for (let k = 0; k < size; k++) {
        const [z, t] = [logits[row * size + k]!, targets[row * size + k]!];
        const at = k * (this.#scores.length / size) + this.#samples;
        this.#scores[at] = z;
        this.#holds[at] = t >= 0.5 ? 1 : 0;
        exact &&= z >= 0 === t >= 0.5;
        loss += Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z)));
      }
      this.#loss += loss / size;
      this.#exact += Number(exact);
      this.#samples++;
    }
  }

  result(): MultiLabelResult {
    const capacity = this.#scores.length / this.labels.length;
    const all = { hits: 0, predicted: 0, support: 0 };
    const classes = this.labels.map((label, k): LabelMetrics => {
      const scores = this.#scores.subarray(k * capacity, k * capacity + this.#samples);
      const holds = this.#holds.subarray(k * capacity, k * capacity + this.#samples);
      const counts = { hits: 0, predicted: 0, support: 0 };
      for (let i = 0; i < scores.length; i++) {
        const predicted = scores[i]! >= 0;
        if (predicted) counts.predicted++;
        if (holds[i]) counts.support++;
        if (predicted && holds[i]) counts.hits++;
      }
      for (const key of Object.keys(all) as (keyof typeof all)[]) all[key] += counts[key];
      const { support, predicted } = counts;
      return { label, ...scoresOf(counts), support, predicted, averagePrecision: averagePrecision(scores, holds) };
    });
    return {
      samples: this.#samples,
      loss: ratio(this.#loss, this.#samples),
      meanAveragePrecision: classes.reduce((sum, c) => sum + c.averagePrecision, 0) / classes.length,
      accuracy: ratio(this.#exact, this.#samples),
      ...scoresOf(all),
      macro: meanScores(classes, () => 1),
      classes,
    };
  }
}

const scoresOf = ({ hits, predicted, support }: { hits: number; predicted: number; support: number }): Scores => ({
  precision: ratio(hits, predicted),
  recall: ratio(hits, support),
  f1: ratio(2 * hits, predicted + support),
});

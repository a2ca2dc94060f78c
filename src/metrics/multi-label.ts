// What is measured of a classifier whose labels hold independently of each other. A label is predicted where its
// probability is at least its threshold, one half unless another is given; counts grow batch by batch. Average
// precision, ROC AUC and the best threshold need an order over all samples, so the score and the target of every sample
// and label are kept: 5 bytes each, up to a bound, and 8 more while all are put in one order. Figures are
// scikit-learn's with zero_division=0: means are over all labels, as its own are of targets that are rows of 0 and 1.

import { UsageError } from '../errors.js';
import { type ClassMetrics, meanScores, ratio, type Scores } from './classification.js';
import { averagePrecisionOfAll, Ranking } from './ranking.js';
import { sigmoid } from './sigmoid.js';

/** Scores that are kept at most: 640 MB with their targets. */
export const mostScores = 2 ** 27;

/** @throws UsageError for more samples than scores can be kept of */
export function refuseManyScores(samples: number, columns: number, what: string): void {
  if (samples * columns <= mostScores) return;
  throw new UsageError(
    `${samples} samples with ${columns} ${what} are too many to order by score: at most ${mostScores} scores are kept; evaluate on fewer`,
  );
}

/** Where a label is predicted unless something else is said. */
export const half = 0.5;

export interface LabelMetrics extends ClassMetrics {
  averagePrecision: number;
  /** Left out where all samples have the label or none has. */
  rocAuc?: number;
  /** The probability from which on it is predicted. */
  threshold: number;
  /** The threshold that gives the largest F1 on these samples; left out where none has the label. */
  best?: { threshold: number; f1: number };
}

export interface MultiLabelResult {
  samples: number;
  /** Mean binary cross-entropy over samples and labels, in nats. */
  loss: number;
  /** Mean over the labels of the average precision; a label that no sample has counts as 0. */
  meanAveragePrecision: number;
  /** Of all pairs of sample and label in one order (micro): what one threshold for all labels can do. */
  microAveragePrecision: number;
  /** Mean of the area under the ROC curve over the labels that some samples have and some have not; 0.5 without any. */
  rocAuc: number;
  /** Share of the samples whose labels are all right. */
  accuracy: number;
  /** Over all pairs of sample and label (micro). */
  precision: number;
  recall: number;
  f1: number;
  /** Unweighted means over the labels. */
  macro: Scores;
  /** Means over the samples, of each one's labels; of one without any and without a prediction 0. */
  perSample: Scores;
  classes: LabelMetrics[];
}

const none = { hits: 0, predicted: 0, support: 0 };
type Counts = typeof none;

export class MultiLabelMetrics {
  readonly labels: readonly string[];
  readonly #thresholds: readonly number[];
  readonly #scores: Float32Array;
  readonly #holds: Uint8Array;
  readonly #perSample: Scores = { precision: 0, recall: 0, f1: 0 };
  #samples = 0;
  #exact = 0;
  #loss = 0;

  /**
   * @param thresholds of each label; default one half
   * @throws UsageError for more samples than scores can be kept of
   */
  constructor(labels: readonly string[], samples: number, thresholds: readonly number[] = labels.map(() => half)) {
    this.labels = labels;
    this.#thresholds = thresholds;
    refuseManyScores(samples, labels.length, 'labels');
    this.#scores = new Float32Array(samples * labels.length);
    this.#holds = new Uint8Array(samples * labels.length);
  }

  /** Adds the first `count` rows of a batch: logits and targets [B, L], row by row. */
  add(logits: ArrayLike<number>, targets: ArrayLike<number>, count: number): void {
    const size = this.labels.length;
    for (let row = 0; row < count; row++) {
      const own: Counts = { ...none };
      let exact = true;
      let loss = 0;
      // Label by label in memory, since each is ordered by itself.
      for (let k = 0; k < size; k++) {
        const [z, t] = [logits[row * size + k]!, targets[row * size + k]!];
        const at = k * (this.#scores.length / size) + this.#samples;
        const [predicted, holds] = [this.#predicted(z, k), t >= half];
        this.#scores[at] = z;
        this.#holds[at] = Number(holds);
        count1(own, predicted, holds);
        exact &&= predicted === holds;
        loss += Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z)));
      }
      const scores = scoresOf(own);
      for (const key of ['precision', 'recall', 'f1'] as const) this.#perSample[key] += scores[key];
      this.#loss += loss / size;
      this.#exact += Number(exact);
      this.#samples++;
    }
  }

  #predicted(logit: number, k: number): boolean {
    return sigmoid(logit) >= this.#thresholds[k]!;
  }

  result(): MultiLabelResult {
    const all: Counts = { ...none };
    const classes = this.labels.map((label, k): LabelMetrics => this.#ofLabel(label, k, all));
    const { precision, recall, f1 } = this.#perSample;
    const areas = classes.flatMap(({ rocAuc }) => rocAuc ?? []);
    return {
      samples: this.#samples,
      loss: ratio(this.#loss, this.#samples),
      meanAveragePrecision: classes.reduce((sum, c) => sum + c.averagePrecision, 0) / classes.length,
      microAveragePrecision: averagePrecisionOfAll(this.labels.map((_, k) => this.#kept(k))),
      rocAuc: areas.length === 0 ? half : areas.reduce((sum, area) => sum + area, 0) / areas.length,
      accuracy: ratio(this.#exact, this.#samples),
      ...scoresOf(all),
      macro: meanScores(classes, () => 1),
      perSample: {
        precision: ratio(precision, this.#samples),
        recall: ratio(recall, this.#samples),
        f1: ratio(f1, this.#samples),
      },
      classes,
    };
  }

  /** Of label `k`. */
  #kept(k: number): { scores: Float32Array; holds: Uint8Array } {
    const from = (k * this.#scores.length) / this.labels.length;
    const to = from + this.#samples;
    return { scores: this.#scores.subarray(from, to), holds: this.#holds.subarray(from, to) };
  }

  /** Also adds its counts to those of all. */
  #ofLabel(label: string, k: number, all: Counts): LabelMetrics {
    const { scores: logits, holds } = this.#kept(k);
    const counts: Counts = { ...none };
    for (let i = 0; i < logits.length; i++) count1(counts, this.#predicted(logits[i]!, k), holds[i] === 1);
    for (const key of Object.keys(all) as (keyof Counts)[]) all[key] += counts[key];
    // By logit: a sigmoid makes large ones equal.
    const ranking = new Ranking(logits, holds);
    const [area, best] = [ranking.rocAuc(), new Ranking(Float64Array.from(logits, sigmoid), holds).bestThreshold()];
    return {
      label,
      ...scoresOf(counts),
      support: counts.support,
      predicted: counts.predicted,
      averagePrecision: ranking.averagePrecision(),
      ...(area !== undefined && { rocAuc: area }),
      threshold: this.#thresholds[k]!,
      ...(best && { best }),
    };
  }
}

function count1(counts: Counts, predicted: boolean, holds: boolean): void {
  if (predicted) counts.predicted++;
  if (holds) counts.support++;
  if (predicted && holds) counts.hits++;
}

const scoresOf = ({ hits, predicted, support }: Counts): Scores => ({
  precision: ratio(hits, predicted),
  recall: ratio(hits, support),
  f1: ratio(2 * hits, predicted + support),
});

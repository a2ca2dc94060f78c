// What is measured of a classifier, from counts that grow batch by batch: nothing of the logits is kept, and F1 is
// that of the whole set, not a mean over batches. Rows of weight 0 (fill-up rows of the last batch) do not count.
// The figures are scikit-learn's with zero_division=0. As there by default, means over classes are over those that
// occur: a class of the model without a sample and without a prediction is no part of them, so that a perfect answer is
// 1.

import { crossEntropy } from './cross-entropy.js';

export interface Scores {
  precision: number;
  recall: number;
  f1: number;
}

/** One class against the rest. Undefined ratios (no prediction, no sample) are 0. */
export interface ClassMetrics extends Scores {
  label: string;
  /** Samples of this class. */
  support: number;
  /** Samples that are taken for it. */
  predicted: number;
}

/** Whether a class has samples or predictions, and so a part in the means over classes. */
export const occurs = ({ support, predicted }: Pick<ClassMetrics, 'support' | 'predicted'>): boolean =>
  support > 0 || predicted > 0;

export interface ClassificationResult {
  samples: number;
  /** Mean cross-entropy in nats. */
  loss: number;
  accuracy: number;
  /** With two classes those of `positive`; with more the unweighted means over the classes that occur (macro). */
  precision: number;
  recall: number;
  f1: number;
  /** Matthews correlation coefficient, of several classes as Gorodkin 2004: 1 all right, 0 no better than chance. */
  mcc: number;
  /** Unweighted means over the classes that occur. */
  macro: Scores;
  /** Means over the classes, each weighted by its samples. */
  weighted: Scores;
  /** The class that precision, recall and F1 speak of; with more than two classes undefined. */
  positive?: string;
  classes: ClassMetrics[];
  /** confusion[true class][predicted class], in samples. */
  confusion: number[][];
}

export class ClassificationMetrics {
  readonly labels: readonly string[];
  readonly #positive: number;
  #confusion: number[][];
  #lossSum = 0;
  /** Of targets that are probabilities. */
  #softLoss: number | undefined;

  /** `positive`: with two classes, the one that precision and recall speak of; default the second. */
  constructor(labels: readonly string[], positive = 1) {
    this.labels = labels;
    this.#positive = positive;
    this.#confusion = labels.map(() => labels.map(() => 0));
  }

  /**
   * Adds a batch: `logits` [B, C] in row-major order, `targets` [B] class ids. Rows whose weight is 0 or whose target
   * is negative (ignored) are left out. `shares` [B, C]: where targets are probabilities, whose loss then counts.
   */
  add(
    logits: ArrayLike<number>,
    targets: ArrayLike<number | bigint>,
    weights?: ArrayLike<number>,
    shares?: ArrayLike<number>,
  ): void {
    if (shares) this.#addShares(logits, shares, targets.length);
    const classes = this.labels.length;
    for (let row = 0; row < targets.length; row++) {
      const target = Number(targets[row]);
      if (weights?.[row] === 0 || target < 0) continue;
      const { loss, prediction } = crossEntropy(logits, row * classes, classes, target);
      this.#lossSum += loss;
      this.#confusion[target]![prediction]!++;
    }
  }

  #addShares(logits: ArrayLike<number>, shares: ArrayLike<number>, rows: number): void {
    const size = this.labels.length;
    this.#softLoss ??= 0;
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < size; k++) {
        const share = shares[row * size + k]!;
        if (share > 0) this.#softLoss += share * crossEntropy(logits, row * size, size, k).loss;
      }
  }

  result(): ClassificationResult {
    const confusion = this.#confusion.map((row) => [...row]);
    const supports = confusion.map((row) => row.reduce((sum, n) => sum + n, 0));
    const samples = supports.reduce((sum, n) => sum + n, 0);
    const classes = this.labels.map((label, c): ClassMetrics => {
      const hits = confusion[c]![c]!;
      const predicted = confusion.reduce((sum, row) => sum + row[c]!, 0);
      const support = supports[c]!;
      const [precision, recall] = [ratio(hits, predicted), ratio(hits, support)];
      return { label, precision, recall, f1: ratio(2 * hits, predicted + support), support, predicted };
    });
    const binary = classes.length === 2 ? classes[this.#positive]! : undefined;
    const macro = meanScores(classes, (c) => Number(occurs(c)));
    const main = binary ?? macro;
    return {
      samples,
      loss: ratio(this.#softLoss ?? this.#lossSum, samples),
      accuracy: ratio(
        confusion.reduce((sum, row, c) => sum + row[c]!, 0),
        samples,
      ),
      precision: main.precision,
      recall: main.recall,
      f1: main.f1,
      mcc: matthews(confusion),
      macro,
      weighted: meanScores(classes, ({ support }) => support),
      ...(binary && { positive: binary.label }),
      classes,
      confusion,
    };
  }
}

export const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

export function meanScores(classes: readonly ClassMetrics[], weightOf: (c: ClassMetrics) => number): Scores {
  const total = classes.reduce((sum, c) => sum + weightOf(c), 0);
  const mean = (of: (c: ClassMetrics) => number): number =>
    ratio(
      classes.reduce((sum, c) => sum + weightOf(c) * of(c), 0),
      total,
    );
  return { precision: mean((c) => c.precision), recall: mean((c) => c.recall), f1: mean((c) => c.f1) };
}

/**
 * The correlation of true and predicted classes: (n·hits − Σ tₖpₖ) / √((n² − Σ tₖ²)(n² − Σ pₖ²)) with tₖ samples and pₖ
 * predictions of class k; 0 where only one class is there or only one is predicted. The counts are exact in float64 up
 * to 90 million samples.
 */
function matthews(confusion: readonly (readonly number[])[]): number {
  const truth = confusion.map((row) => row.reduce((sum, count) => sum + count, 0));
  const predicted = confusion.map((_, c) => confusion.reduce((sum, row) => sum + row[c]!, 0));
  const hits = confusion.reduce((sum, row, c) => sum + row[c]!, 0);
  const n = truth.reduce((sum, count) => sum + count, 0);
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, c) => sum + x * b[c]!, 0);
  const spread = Math.sqrt(n * n - dot(truth, truth)) * Math.sqrt(n * n - dot(predicted, predicted));
  return ratio(n * hits - dot(truth, predicted), spread);
}

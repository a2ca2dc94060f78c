// What is measured of a model that gives scores (regression): errors, and how well the scores follow the right ones.
// The order needs all samples, so predictions and targets are kept: 8 bytes a score, up to a bound.

import { pearson, spearman } from './correlation.js';
import { Errors } from './errors.js';
import { refuseManyScores } from './multi-label.js';

export interface ScoreFigures {
  mse: number;
  rmse: number;
  mae: number;
  /** Of constant targets 1 where they are met, else 0. */
  r2: number;
  /** Correlations; 0 where predictions or targets are constant. */
  pearson: number;
  spearman: number;
}

/** With several scores the unweighted means over them; rmse is the root of the mean. */
export interface ScoreResult extends ScoreFigures {
  samples: number;
  /** Mean squared error. */
  loss: number;
  /** Of each score. */
  scores: (ScoreFigures & { label: string })[];
}

export class ScoreMetrics {
  readonly labels: readonly string[];
  /** Score by score. */
  readonly #predicted: readonly Float32Array[];
  readonly #targets: readonly Float32Array[];
  #samples = 0;

  /** @throws UsageError for more samples than scores can be kept of */
  constructor(labels: readonly string[], samples: number) {
    this.labels = labels;
    refuseManyScores(samples, 2 * labels.length, 'scores and targets');
    this.#predicted = labels.map(() => new Float32Array(samples));
    this.#targets = labels.map(() => new Float32Array(samples));
  }

  /** Adds the first `count` rows of a batch: outputs and targets [B, scores], row by row. */
  add(outputs: ArrayLike<number>, targets: ArrayLike<number>, count: number): void {
    const width = this.labels.length;
    for (let row = 0; row < count; row++, this.#samples++)
      for (let k = 0; k < width; k++) {
        this.#predicted[k]![this.#samples] = outputs[row * width + k]!;
        this.#targets[k]![this.#samples] = targets[row * width + k]!;
      }
  }

  result(): ScoreResult {
    const scores = this.labels.map((label, k) => ({ label, ...this.#figures(k) }));
    const mean = (key: keyof ScoreFigures): number => scores.reduce((sum, one) => sum + one[key], 0) / scores.length;
    const mse = mean('mse');
    return {
      samples: this.#samples,
      loss: mse,
      mse,
      rmse: Math.sqrt(mse),
      mae: mean('mae'),
      r2: mean('r2'),
      pearson: mean('pearson'),
      spearman: mean('spearman'),
      scores,
    };
  }

  #figures(k: number): ScoreFigures {
    const [x, y] = [this.#predicted, this.#targets].map((all) => all[k]!.subarray(0, this.#samples));
    const errors = new Errors();
    for (let i = 0; i < this.#samples; i++) errors.add([x![i]!], [y![i]!]);
    const { mae, rmse, r2 } = errors.result();
    return { mse: rmse ** 2, rmse, mae, r2, pearson: pearson(x!, y!), spearman: spearman(x!, y!) };
  }
}

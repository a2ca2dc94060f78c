// What is measured of a classifier of pictures: what is of any classifier, and how often the right class is among the
// five likeliest. Where targets are probabilities the loss is that of all of them, and right is the most probable
// class.

import { ClassificationMetrics, type ClassificationResult, ratio } from './classification.js';

export interface ImageClassificationResult extends ClassificationResult {
  /** Share of the samples whose class is among the five likeliest; with five classes or fewer 1. */
  top5Accuracy: number;
}

const top = 5;

export class ImageClassificationMetrics {
  readonly #classes: ClassificationMetrics;
  readonly #size: number;
  #hits = 0;
  #samples = 0;

  constructor(labels: readonly string[]) {
    this.#classes = new ClassificationMetrics(labels);
    this.#size = labels.length;
  }

  /**
   * Adds a batch: `logits` [B, C], the class of each sample, and `targets` [samples, C] where they are probabilities.
   */
  add(logits: ArrayLike<number>, classes: ArrayLike<number>, targets?: ArrayLike<number>): void {
    const size = this.#size;
    this.#classes.add(logits, classes, undefined, targets);
    for (let row = 0; row < classes.length; row++) {
      if (placeOf(logits, row * size, size, classes[row]!) < top) this.#hits++;
      this.#samples++;
    }
  }

  result(): ImageClassificationResult {
    const { samples, loss, accuracy, ...rest } = this.#classes.result();
    return { samples, loss, accuracy, top5Accuracy: ratio(this.#hits, this.#samples), ...rest };
  }
}

/**
 * How many classes come before `own`; of equal scores the later class, as scikit-learn's top_k_accuracy_score has it.
 */
function placeOf(logits: ArrayLike<number>, from: number, size: number, own: number): number {
  const score = logits[from + own]!;
  let before = 0;
  for (let k = 0; k < size; k++) {
    const other = logits[from + k]!;
    if (other > score || (other === score && k > own)) before++;
  }
  return before;
}

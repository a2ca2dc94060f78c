// Figures of outputs that are tensors against their targets: errors of numbers, and how often a class or a label is
// right.

import { ratio } from '../../metrics/classification.js';
import type { TensorLoss } from './losses.js';

type Numbers = ArrayLike<number | bigint>;

/** Sums over samples, added one sample at a time. */
interface Figures {
  add(output: Numbers, target: Numbers): void;
  result(): Record<string, number>;
}

/** Names of the figures of a kind. */
export const figureNames: Record<TensorLoss['figures'], readonly string[]> = {
  errors: ['mae', 'rmse', 'r2'],
  classes: ['accuracy'],
  labels: ['accuracy'],
  none: [],
};

/**
 * mae and rmse over all elements; r2 the mean of each element's own over the samples, as scikit-learn's r2_score has
 * it: of one that is the same in all samples 1 where it is met, else 0.
 */
class Errors implements Figures {
  #count = 0;
  #samples = 0;
  #absolute = 0;
  #squares = 0;
  /**
   * Of each element: squared errors, and the targets' sums and squares less their first value, which keeps these exact.
   */
  #first = new Float64Array(0);
  #errors = new Float64Array(0);
  #sums = new Float64Array(0);
  #sumsOfSquares = new Float64Array(0);

  add(output: Numbers, target: Numbers): void {
    const width = output.length;
    if (this.#samples++ === 0) {
      this.#first = Float64Array.from({ length: width }, (_, k) => Number(target[k]));
      this.#errors = new Float64Array(width);
      this.#sums = new Float64Array(width);
      this.#sumsOfSquares = new Float64Array(width);
    }
    for (let k = 0; k < width; k++) {
      const error = Number(output[k]) - Number(target[k]);
      const shifted = Number(target[k]) - this.#first[k]!;
      this.#absolute += Math.abs(error);
      this.#squares += error * error;
      this.#errors[k]! += error * error;
      this.#sums[k]! += shifted;
      this.#sumsOfSquares[k]! += shifted * shifted;
    }
    this.#count += width;
  }

  result(): Record<string, number> {
    let r2 = 0;
    for (const [k, error] of this.#errors.entries()) {
      const spread = this.#sumsOfSquares[k]! - this.#sums[k]! ** 2 / this.#samples;
      r2 += spread > 0 ? 1 - error / spread : Number(error === 0);
    }
    return {
      mae: ratio(this.#absolute, this.#count),
      rmse: Math.sqrt(ratio(this.#squares, this.#count)),
      r2: ratio(r2, this.#errors.length),
    };
  }
}

/** Share of the places whose likeliest class is the target; outputs are [classes, …places] a sample. */
class Classes implements Figures {
  #hits = 0;
  #places = 0;

  add(output: Numbers, target: Numbers): void {
    const places = target.length;
    const classes = output.length / places;
    for (let i = 0; i < places; i++) {
      const wanted = Number(target[i]);
      if (wanted < 0) continue;
      let top = 0;
      for (let c = 1; c < classes; c++) if (Number(output[c * places + i]) > Number(output[top * places + i])) top = c;
      this.#places++;
      if (top === wanted) this.#hits++;
    }
  }

  result = (): Record<string, number> => ({ accuracy: ratio(this.#hits, this.#places) });
}

/** Share of the labels that are predicted correctly: a positive logit is a yes, a target of more than one half too. */
class Labels implements Figures {
  #hits = 0;
  #count = 0;

  add(output: Numbers, target: Numbers): void {
    for (let i = 0; i < output.length; i++) if (Number(output[i]) > 0 === Number(target[i]) > 0.5) this.#hits++;
    this.#count += output.length;
  }

  result = (): Record<string, number> => ({ accuracy: ratio(this.#hits, this.#count) });
}

const none: Figures = { add: () => undefined, result: () => ({}) };

export const figuresOf: Record<TensorLoss['figures'], () => Figures> = {
  errors: () => new Errors(),
  classes: () => new Classes(),
  labels: () => new Labels(),
  none: () => none,
};

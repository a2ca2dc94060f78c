// Errors of numbers, from sums that grow sample by sample.

import { ratio } from './classification.js';

type Numbers = ArrayLike<number | bigint>;

/**
 * mae and rmse over all elements; r2 the mean of each element's own over the samples, as scikit-learn's r2_score has
 * it: of one that is the same in all samples 1 where it is met, else 0.
 */
export class Errors {
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

  result(): { mae: number; rmse: number; r2: number } {
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

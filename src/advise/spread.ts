// How features of samples lie in their space: a model that hardly tells samples apart gives nearly the same direction
// for all of them, and uses few dimensions.

export interface Spread {
  /**
   * Dimensions that the features use, as the participation ratio of the eigenvalues of their covariance: (Σλ)² / Σλ²,
   * from 1 to as many as there are.
   */
  dimensions: number;
  /**
   * Mean cosine between the features of two samples (Ethayarajh, How Contextual are Contextualized Word
   * Representations?).
   */
  cosine: number;
}

/** Rows that are compared with each other. */
const most = 512;

/** @param features [rows, size], of which the first 512 rows are looked at */
export function spreadOf(features: Float32Array, size: number): Spread {
  const rows = Math.min(most, features.length / size);
  const row = (i: number): Float32Array => features.subarray(i * size, (i + 1) * size);
  const mean = new Float64Array(size);
  for (let i = 0; i < rows; i++) for (const [k, value] of row(i).entries()) mean[k]! += value / rows;
  const centre = product(mean, mean);
  const toMean = Array.from({ length: rows }, (_, i) => product(row(i), mean));
  const squares = Array.from({ length: rows }, (_, i) => product(row(i), row(i)));
  // Σλ and Σλ² are those of the matrix of products of centred rows.
  let [trace, sumOfSquares, cosines] = [0, 0, 0];
  for (let i = 0; i < rows; i++) {
    trace += squares[i]! - 2 * toMean[i]! + centre;
    for (let j = 0; j <= i; j++) {
      const between = i === j ? squares[i]! : product(row(i), row(j));
      sumOfSquares += (i === j ? 1 : 2) * (between - toMean[i]! - toMean[j]! + centre) ** 2;
      if (i !== j) cosines += between / (Math.sqrt(squares[i]! * squares[j]!) || 1);
    }
  }
  return {
    dimensions: sumOfSquares === 0 ? 1 : trace ** 2 / sumOfSquares,
    cosine: (2 * cosines) / (rows * (rows - 1)),
  };
}

function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

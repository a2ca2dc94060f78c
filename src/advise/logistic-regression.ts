// Multinomial logistic regression with an L2 penalty, fitted by stochastic gradient descent with a falling rate: a
// linear classifier over vectors of length 1, be they words of texts or features of a frozen model. A function of the
// vectors and their order alone. It measures how far vectors go; heads that are trained in a model's graph are for
// src/heads.

import { shuffleInPlace } from '../data/sampler.js';

/** A vector of Euclidean length 1: the values at the places `at`, which without are all places in their order. */
export interface UnitVector {
  at?: Uint32Array | undefined;
  values: Float64Array;
}

/** The probability of each class. */
export type Classify = (vector: UnitVector) => Float64Array;

const epochs = 20;
const rate = 4;
/** What did best on word counts of mails held out of the training mails, the same for hundreds and thousands. */
export const usualPenalty = 0.03;
/** Of the rate: biases are learnt slower. */
const biasRate = 0.1;

/** Weights are `scale` times the rows, so that the penalty costs one multiplication a step. */
interface Weights {
  rows: Float64Array[];
  biases: Float64Array;
  scale: number;
}

/**
 * Fits a classifier to vectors of `size` places: the least of Σ cross-entropy + penalty / 2 · Σ weights².
 * @param targets the class of each vector
 */
export function fitLogistic(
  vectors: readonly UnitVector[],
  targets: ArrayLike<number>,
  { classes, size, penalty = usualPenalty }: { classes: number; size: number; penalty?: number | undefined },
): Classify {
  const weights: Weights = {
    rows: Array.from({ length: classes }, () => new Float64Array(size)),
    biases: new Float64Array(classes),
    scale: 1,
  };
  const steps = epochs * vectors.length;
  const order = new Uint32Array(vectors.length);
  for (let step = 0, epoch = 0; epoch < epochs; epoch++) {
    for (let i = 0; i < order.length; i++) order[i] = i;
    shuffleInPlace(order, epoch, 0);
    for (const i of order) {
      const stepRate = rate * (1 - step++ / steps);
      const found = probabilities(weights, vectors[i]!);
      // An implicit step: it shrinks weights and turns none round, however strong the penalty on few vectors.
      weights.scale /= 1 + (stepRate * penalty) / vectors.length;
      for (let c = 0; c < classes; c++) {
        const error = (targets[i] === c ? 1 : 0) - found[c]!;
        weights.biases[c]! += biasRate * stepRate * error;
        add(weights.rows[c]!, vectors[i]!, (stepRate * error) / weights.scale);
      }
    }
  }
  return (vector) => probabilities(weights, vector);
}

function add(row: Float64Array, { at, values }: UnitVector, by: number): void {
  if (at) for (let k = 0; k < at.length; k++) row[at[k]!]! += by * values[k]!;
  else for (let k = 0; k < values.length; k++) row[k]! += by * values[k]!;
}

function product(row: Float64Array, { at, values }: UnitVector): number {
  let sum = 0;
  if (at) for (let k = 0; k < at.length; k++) sum += row[at[k]!]! * values[k]!;
  else for (let k = 0; k < values.length; k++) sum += row[k]! * values[k]!;
  return sum;
}

/** Softmax of bias + weights · x. */
function probabilities({ rows, biases, scale }: Weights, vector: UnitVector): Float64Array {
  const scores = biases.map((bias, c) => bias + scale * product(rows[c]!, vector));
  const highest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  let sum = 0;
  for (let c = 0; c < scores.length; c++) sum += scores[c] = Math.exp(scores[c]! - highest);
  return scores.map((value) => value / sum);
}

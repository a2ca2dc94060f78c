// What a classifier says of samples that it has not learnt from, for every sample of a data set: the samples are
// divided into folds with equal shares of the classes, and each fold is judged by what was learnt from the others. Also
// how the share that is right grows with the samples that are learnt from.

import { shuffleInPlace } from '../data/sampler.js';

/** Learns from rows, and says the probability of each class of any row. */
export type Learner = (rows: Uint32Array) => (row: number) => ArrayLike<number>;

export interface Labelled {
  /** Class of each row. */
  labels: ArrayLike<number>;
  classes: number;
}

export interface CurvePoint {
  /** Samples that were learnt from. */
  samples: number;
  accuracy: number;
}

export const folds = 5;
/** Of what is learnt from: the points of a learning curve before the last, which is all. */
const fractions = [1 / 8, 1 / 4, 1 / 2];
// A stream of the generator.
const foldStream = 0x66_6f_6c_64;

/** The fold of each row: rows of a class are spread evenly over all folds, by a seed. */
export function stratifiedFolds({ labels, classes }: Labelled, seed: number): Uint8Array {
  const order = Uint32Array.from({ length: labels.length }, (_, i) => i);
  shuffleInPlace(order, seed, foldStream);
  const members: number[][] = Array.from({ length: classes }, () => []);
  for (const row of order) members[labels[row]!]!.push(row);
  const found = new Uint8Array(labels.length);
  for (const [i, row] of members.flat().entries()) found[row] = i % folds;
  return found;
}

/** The probabilities of each row, [rows, classes], by what was learnt from the other folds. */
export function crossValidated(learner: Learner, data: Labelled, seed: number): Float32Array {
  const { labels, classes } = data;
  const foldOf = stratifiedFolds(data, seed);
  const found = new Float32Array(labels.length * classes);
  for (let fold = 0; fold < folds; fold++) {
    const classify = learner(rowsWhere(foldOf, (one) => one !== fold));
    for (const row of rowsWhere(foldOf, (one) => one === fold)) found.set(classify(row), row * classes);
  }
  return found;
}

/**
 * The share that is right of the last fold, by what was learnt from parts of the others, the largest of them one half;
 * a part has of each class the share that all have.
 */
export function learningCurve(learner: Learner, data: Labelled, seed: number): CurvePoint[] {
  const foldOf = stratifiedFolds(data, seed);
  const judged = rowsWhere(foldOf, (fold) => fold === folds - 1);
  const rest = rowsWhere(foldOf, (fold) => fold !== folds - 1);
  // Files are often in an order.
  shuffleInPlace(rest, seed, foldStream + 1);
  return fractions.map((fraction) => {
    const learnt = partOfEachClass(data, rest, fraction);
    const classify = learner(learnt);
    const right = judged.filter((row) => likeliest(classify(row)) === data.labels[row]).length;
    return { samples: learnt.length, accuracy: right / judged.length };
  });
}

/** Mean cross-entropy of the first fold, by what was learnt from the others. */
export function lossOfFold(learner: Learner, data: Labelled, seed: number): number {
  const foldOf = stratifiedFolds(data, seed);
  const classify = learner(rowsWhere(foldOf, (fold) => fold !== 0));
  const judged = rowsWhere(foldOf, (fold) => fold === 0);
  const loss = (row: number): number => -Math.log(Math.max(classify(row)[data.labels[row]!]!, Number.MIN_VALUE));
  return judged.reduce((sum, row) => sum + loss(row), 0) / judged.length;
}

/** Share of the rows whose likeliest class is the given one. */
export function accuracyOf(probabilities: Float32Array, { labels, classes }: Labelled): number {
  let right = 0;
  for (let row = 0; row < labels.length; row++)
    if (likeliest(probabilities.subarray(row * classes, (row + 1) * classes)) === labels[row]) right++;
  return right / labels.length;
}

function likeliest(of: ArrayLike<number>): number {
  let best = 0;
  for (let c = 1; c < of.length; c++) if (of[c]! > of[best]!) best = c;
  return best;
}

const rowsWhere = (foldOf: Uint8Array, wanted: (fold: number) => boolean): Uint32Array =>
  Uint32Array.from([...foldOf.keys()].filter((row) => wanted(foldOf[row]!)));

/** The first rows of each class, at least one. */
function partOfEachClass({ labels, classes }: Labelled, rows: Uint32Array, fraction: number): Uint32Array {
  const left = new Float64Array(classes);
  for (const row of rows) left[labels[row]!]!++;
  const wanted = left.map((count) => Math.ceil(count * fraction));
  return rows.filter((row) => wanted[labels[row]!]!-- > 0);
}

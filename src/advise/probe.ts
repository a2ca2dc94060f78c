// Two learners that advice rests on: a linear classifier over the features of a frozen trunk, which is what training a
// head alone comes to, and one over the words of texts.

import type { Table } from '../data/table.js';
import { wordVectors } from './bag-of-words.js';
import { labelIssues } from './confident-learning.js';
import {
  accuracyOf,
  crossValidated,
  folds,
  type Labelled,
  type Learner,
  learningCurve,
  lossOfFold,
} from './cross-validation.js';
import { textsOf } from './duplicates.js';
import { fitLogistic, type UnitVector } from './logistic-regression.js';
import type { Judged } from './protocol.js';

/** Of the weights of features, from weak to strong. */
const penalties = [0.03, 0.3, 3];

/**
 * Learns from features with mean 0 and variance 1 over what is learnt from, each row of length 1, with the one of a few
 * penalties that gives a fold held out the least loss.
 */
export function featureLearner(features: Float32Array, size: number, data: Labelled, seed: number): Learner {
  const learners = penalties.map((penalty) => learnerWith(features, size, data, penalty));
  const losses = learners.map((learner) => lossOfFold(learner, data, seed));
  return learners[losses.indexOf(Math.min(...losses))]!;
}

function learnerWith(features: Float32Array, size: number, { labels, classes }: Labelled, penalty: number): Learner {
  return (rows) => {
    const { mean, deviation } = moments(features, size, rows);
    const vector = (row: number): UnitVector => {
      const values = new Float64Array(size);
      let squares = 0;
      for (let k = 0; k < size; k++) {
        const value = (features[row * size + k]! - mean[k]!) / deviation[k]!;
        values[k] = value;
        squares += value * value;
      }
      const length = Math.sqrt(squares) || 1;
      return { values: values.map((value) => value / length) };
    };
    const targets = Uint32Array.from(rows, (row) => labels[row]!);
    const classify = fitLogistic(Array.from(rows, vector), targets, { classes, size, penalty });
    return (row) => classify(vector(row));
  };
}

/** Of each feature; a feature that never changes has the deviation 1. */
function moments(features: Float32Array, size: number, rows: Uint32Array) {
  const mean = new Float64Array(size);
  const squares = new Float64Array(size);
  for (const row of rows) for (let k = 0; k < size; k++) mean[k]! += features[row * size + k]! / rows.length;
  for (const row of rows)
    for (let k = 0; k < size; k++) squares[k]! += (features[row * size + k]! - mean[k]!) ** 2 / rows.length;
  return { mean, deviation: squares.map((square) => Math.sqrt(square) || 1) };
}

/** Learns from the words of a table's texts. @param samples of each row */
export function wordLearner(table: Table, samples: Uint32Array, { labels, classes }: Labelled): Learner {
  const texts = Array.from(samples, (sample) => textsOf(table, sample).join('\n'));
  return (rows) => {
    const words = wordVectors(Array.from(rows, (row) => texts[row]!));
    const vectors = Array.from(rows, (row) => words.of(texts[row]!));
    const targets = Uint32Array.from(rows, (row) => labels[row]!);
    const classify = fitLogistic(vectors, targets, { classes, size: words.size });
    return (row) => classify(words.of(texts[row]!));
  };
}

/** What a learner comes to by cross-validation. @param learnerOf also of other labels of the same samples */
export function judge(learnerOf: (data: Labelled) => Learner, data: Labelled, seed: number): Judged {
  const { labels, classes } = data;
  const learner = learnerOf(data);
  const probabilities = crossValidated(learner, data, seed);
  const accuracy = accuracyOf(probabilities, data);
  const learnt = Math.round((labels.length * (folds - 1)) / folds);
  const curve = [...learningCurve(learner, data, seed), { samples: learnt, accuracy }];
  return { accuracy, curve, issues: labelIssues(probabilities, labels, classes) };
}

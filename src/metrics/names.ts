// Metrics by name, as metricForBestModel and the records of a run speak of them. Every one is a number; what belongs to
// single classes is in the result itself.

import { UsageError } from '../errors.js';
import type { ClassificationResult, Scores } from './classification.js';

const scores = ['precision', 'recall', 'f1'] as const satisfies readonly (keyof Scores)[];

export type MetricName =
  | 'loss'
  | 'accuracy'
  | 'mcc'
  | keyof Scores
  | `macro.${keyof Scores}`
  | `weighted.${keyof Scores}`;

/** Every name, in the order of `scalarMetrics`. */
export const metricNames: readonly MetricName[] = [
  'loss',
  'accuracy',
  ...scores,
  'mcc',
  ...scores.map((score) => `macro.${score}` as const),
  ...scores.map((score) => `weighted.${score}` as const),
];

/** @throws UsageError listing the names there are */
export function metricName(name: string): MetricName {
  const found = metricNames.find((known) => known === name);
  if (!found) throw new UsageError(`there is no metric '${name}'. Choose one of ${metricNames.join(', ')}.`);
  return found;
}

/**
 * The metric of that name; with two classes precision, recall and f1 are those of the positive one.
 * @throws UsageError for an unknown name
 */
export function metricOf(result: ClassificationResult, name: string): number {
  const known = metricName(name);
  const [mean, score] = known.split('.') as ['macro' | 'weighted', keyof Scores];
  return score ? result[mean][score] : result[known as 'loss' | 'accuracy' | 'mcc' | keyof Scores];
}

/** Every metric by its name, ready for a log of scalars. */
export const scalarMetrics = (result: ClassificationResult): Record<MetricName, number> =>
  Object.fromEntries(metricNames.map((name) => [name, metricOf(result, name)])) as Record<MetricName, number>;

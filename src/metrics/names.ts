// Metrics by name, as metricForBestModel and the records of a run speak of them. Every one is a number; what belongs to
// single classes is in the result itself.

import { UsageError } from '../errors.js';
import type { ClassificationResult, Scores } from './classification.js';
import type { MaskedLmResult } from './masked-lm.js';

/** What an evaluation comes to, by task. */
export type Metrics = ClassificationResult | MaskedLmResult;

const scores = ['precision', 'recall', 'f1'] as const satisfies readonly (keyof Scores)[];

/** The names that each task has. */
export const metricNames = {
  'text-classification': [
    'loss',
    'accuracy',
    ...scores,
    'mcc',
    ...scores.map((score) => `macro.${score}` as const),
    ...scores.map((score) => `weighted.${score}` as const),
  ],
  'masked-lm': ['loss', 'perplexity', 'accuracy'],
} as const satisfies Record<string, readonly string[]>;

/** Figures that count and do not measure. */
export const isCount = (name: string): boolean => name === 'samples' || name === 'masked';

/** Of these less is better, of all others more. */
export const isLoss = (name: string): boolean => name === 'loss' || name === 'perplexity';

/**
 * The metric of that name; with two classes precision, recall and f1 are those of the positive one.
 * @throws UsageError for an unknown name, listing those there are
 */
export function metricOf(result: Metrics, name: string): number {
  const known: readonly string[] = metricNames['perplexity' in result ? 'masked-lm' : 'text-classification'];
  if (!known.includes(name)) throw new UsageError(`there is no metric '${name}'. Choose one of ${known.join(', ')}.`);
  return name.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], result) as number;
}

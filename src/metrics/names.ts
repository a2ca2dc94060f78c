// Metrics by name, as metricForBestModel and the records of a run speak of them. Every one is a number; what belongs to
// single classes is in the result itself. Which names there are is each task's to say.

import { UsageError } from '../errors.js';
import type { Scores } from './classification.js';

const scores = ['precision', 'recall', 'f1'] as const satisfies readonly (keyof Scores)[];

/** Names of figures that lie in an object of the result. */
export const within = <P extends string, K extends string>(object: P, names: readonly K[]) =>
  names.map((name) => `${object}.${name}` as const);

const macro = within('macro', scores);

/** Of classes: precision, recall and F1 in all their means. */
export const classMetrics = ['loss', 'accuracy', ...scores, 'mcc', ...macro, ...within('weighted', scores)] as const;

/** Of labels that hold independently of each other. */
export const labelMetrics = [
  ...(['loss', 'meanAveragePrecision', 'microAveragePrecision', 'rocAuc', 'accuracy', ...scores, ...macro] as const),
  ...within('perSample', scores),
] as const;

/** Of scores. */
export const scoreMetrics = ['loss', 'mse', 'rmse', 'mae', 'r2', 'pearson', 'spearman'] as const;

/** Figures that count and do not measure. */
export const isCount = (name: string): boolean => counts.has(name);
const counts = new Set(['samples', 'masked', 'tokens', 'words', 'windows', 'support']);

/** Of these less is better, of all others more; of 'losses.y' as of 'loss'. */
export const lessIsBetter = (name: string): boolean =>
  errors.has(name.split('.')[0]!) || errors.has(name.split('.').at(-1)!);
const errors = new Set(['loss', 'losses', 'perplexity', 'bitsPerByte', 'mae', 'mse', 'rmse', 'wer', 'cer']);

/**
 * The metric of that name; with two classes precision, recall and f1 are those of the positive one.
 * @param known the names that there are
 * @throws UsageError for an unknown name, listing those there are
 */
export function metricOf(result: object, name: string, known: readonly string[]): number {
  if (!known.includes(name)) throw new UsageError(`there is no metric '${name}'. Choose one of ${known.join(', ')}.`);
  return name.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], result) as number;
}

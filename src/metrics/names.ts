// Metrics by name, as metricForBestModel and the records of a run speak of them. Every one is a number; what belongs to
// single classes is in the result itself.

import { UsageError } from '../errors.js';
import type { TaskName } from '../tasks/task.js';
import type { ClassificationResult, Scores } from './classification.js';
import type { ImageClassificationResult } from './image-classification.js';
import type { MaskedLmResult } from './masked-lm.js';
import type { MultiLabelResult } from './multi-label.js';

/** What an evaluation comes to, by task. */
export type Metrics = ClassificationResult | ImageClassificationResult | MultiLabelResult | MaskedLmResult;

const scores = ['precision', 'recall', 'f1'] as const satisfies readonly (keyof Scores)[];

const macro = scores.map((score) => `macro.${score}` as const);
const ofClasses = [...scores, 'mcc', ...macro, ...scores.map((score) => `weighted.${score}` as const)] as const;

/** The names that each task has; multi-label measures otherwise than classes do. */
export const metricNames = {
  'text-classification': ['loss', 'accuracy', ...ofClasses],
  'image-classification': ['loss', 'accuracy', 'top5Accuracy', ...ofClasses],
  'multi-label': ['loss', 'meanAveragePrecision', 'accuracy', ...scores, ...macro],
  'masked-lm': ['loss', 'perplexity', 'accuracy'],
} as const satisfies Record<string, readonly string[]>;

/** The names that a configuration can speak of. */
export const metricNamesOf = ({ task, multiLabel }: { task: TaskName; multiLabel: boolean }): readonly string[] =>
  metricNames[multiLabel ? 'multi-label' : task];

function kindOf(result: Metrics): keyof typeof metricNames {
  if ('perplexity' in result) return 'masked-lm';
  if ('meanAveragePrecision' in result) return 'multi-label';
  return 'top5Accuracy' in result ? 'image-classification' : 'text-classification';
}

/** Figures that count and do not measure. */
export const isCount = (name: string): boolean => name === 'samples' || name === 'masked';

/** Of these less is better, of all others more. */
export const isLoss = (name: string): boolean => name === 'loss' || name === 'perplexity';

/**
 * The metric of that name; with two classes precision, recall and f1 are those of the positive one.
 * @throws UsageError for an unknown name, listing those there are
 */
export function metricOf(result: Metrics, name: string): number {
  const known: readonly string[] = metricNames[kindOf(result)];
  if (!known.includes(name)) throw new UsageError(`there is no metric '${name}'. Choose one of ${known.join(', ')}.`);
  return name.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], result) as number;
}

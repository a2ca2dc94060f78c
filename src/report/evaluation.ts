// An evaluation on one screen: the figures, a row per class, and which classes are taken for which. With many classes
// only the most frequent ones and the most frequent mistakes; `ortune eval --json` has everything.

import { type ClassificationResult, occurs } from '../metrics/classification.js';
import type { MultiLabelResult } from '../metrics/multi-label.js';
import type { ScoreResult } from '../metrics/scores.js';
import { alignRows, metricsLine } from './metrics.js';

/** Classes that the table lists, and that the confusion matrix has at most. */
const rowsShown = 20;
const matrixShown = 10;
const labelShown = 24;

const figure = (value: number): string => value.toFixed(4);
function short(label: string, most = labelShown): string {
  const flat = label.replaceAll(/\s+/g, ' ');
  return flat.length > most ? `${flat.slice(0, most - 1)}…` : flat;
}

/** Of samples with one class each. */
export const classesText = (result: ClassificationResult): string =>
  [`${result.samples} samples: ${metricsLine(result)}`, classTable(result), confusions(result)].join('\n\n');

/** Of samples with several labels. */
export function labelsText({ classes, ...result }: MultiLabelResult): string {
  const shown = classes.length > rowsShown ? classes.toSorted((a, b) => b.support - a.support) : classes;
  const rows = shown
    .slice(0, rowsShown)
    .map((c) => [
      short(c.label),
      ...[c.averagePrecision, c.precision, c.recall, c.f1, c.threshold].map(figure),
      String(c.support),
    ]);
  const table = alignRows([['label', 'average precision', 'precision', 'recall', 'f1', 'from', 'samples'], ...rows]);
  const more = classes.length > rowsShown ? [`the ${rowsShown} most frequent of ${classes.length} labels`] : [];
  return [`${result.samples} samples: ${metricsLine(result)}`, [table, ...more].join('\n')].join('\n\n');
}

/** Of samples with scores. */
export function scoresText({ scores, ...result }: ScoreResult): string {
  const line = `${result.samples} samples: ${metricsLine(result)}`;
  if (scores.length < 2) return line;
  const names = ['mse', 'rmse', 'mae', 'r2', 'pearson', 'spearman'] as const;
  const rows = scores.map((one) => [short(one.label), ...names.map((name) => figure(one[name]))]);
  return [line, alignRows([['score', ...names], ...rows])].join('\n\n');
}

function classTable({ classes, macro, weighted, samples, positive }: ClassificationResult): string {
  const row = (name: string, scores: { precision: number; recall: number; f1: number }, support: number): string[] => [
    name,
    ...[scores.precision, scores.recall, scores.f1].map(figure),
    String(support),
  ];
  const shown = classes.length > rowsShown ? classes.toSorted((a, b) => b.support - a.support) : classes;
  const table = alignRows([
    ['class', 'precision', 'recall', 'f1', 'samples'],
    ...shown.slice(0, rowsShown).map((c) => row(short(c.label), c, c.support)),
    row('macro mean', macro, samples),
    row('weighted mean', weighted, samples),
  ]);
  const notes = [
    ...(classes.length > rowsShown ? [`the ${rowsShown} most frequent of ${classes.length} classes`] : []),
    ...absent(classes),
    ...(positive === undefined ? [] : [`precision, recall and f1 above are those of ${short(positive)}`]),
  ];
  return [table, ...notes].join('\n');
}

/** Which classes have no sample, so that a 0 of theirs says nothing of the model. */
function absent(classes: ClassificationResult['classes']): string[] {
  const unmet = classes.filter(({ support }) => support === 0);
  if (unmet.length === 0 || unmet.length === classes.length) return [];
  const named = unmet.length > 5 ? '' : `: ${unmet.map(({ label }) => short(label)).join(', ')}`;
  const means = unmet.every(occurs) ? '' : '; one that is not predicted either is no part of the means';
  return [`${unmet.length} of ${classes.length} classes have no sample${named}${means}`];
}

function confusions({ classes, confusion }: ClassificationResult): string {
  const labels = classes.map(({ label }) => short(label));
  // So that ten columns fit beside the labels.
  const columns = labels.map((label) => short(label, Math.max(6, Math.floor(70 / labels.length))));
  if (labels.length <= matrixShown) {
    const rows = confusion.map((counts, c) => [labels[c]!, ...counts.map(String)]);
    return `samples by class (rows) and prediction (columns)\n${alignRows([['', ...columns], ...rows])}`;
  }
  const mistakes = confusion
    .flatMap((counts, c) => counts.map((count, p) => ({ count: c === p ? 0 : count, c, p })))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count);
  if (mistakes.length === 0) return 'no mistakes';
  const rows = mistakes.slice(0, matrixShown).map(({ count, c, p }) => [`${labels[c]} as ${labels[p]}`, String(count)]);
  return `most frequent mistakes\n${alignRows(rows)}`;
}

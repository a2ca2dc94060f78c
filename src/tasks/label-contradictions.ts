// Options of labels of texts that cannot be meant together. What a saved model says of its outputs is not known here,
// so of an evaluation less is refused than of a training run.

import type { TaskConfig } from './task.js';
import { thresholdsAlone } from './thresholds.js';

/** A sentence for each. */
export function* labelContradictions(config: TaskConfig): Generator<string> {
  const { train, multiLabel, regression, thresholds, sampling, classWeights, labelSmoothing } = config;
  const { labelColumn, labelColumns, labelRows, labelSeparator } = config;
  if (multiLabel && regression)
    yield "options 'multiLabel' and 'regression' contradict each other: labels hold or not, or are scores; leave one of them out";
  if (labelColumns && labelColumn !== undefined && labelColumn !== 'label')
    yield "options 'labelColumn' and 'labelColumns' both say where the labels are: give the column, or one for each label";
  if (labelColumns && new Set(labelColumns).size < labelColumns.length)
    yield "option 'labelColumns' names a column twice; name each once";
  if (labelColumns && labelRows)
    yield "options 'labelColumns' and 'labelRows' contradict each other: numbers are in columns of their own, or in a list in one; leave one of them out";
  if (labelSeparator !== undefined && (labelColumns || labelRows || regression))
    yield "option 'labelSeparator' is for the names of labels in one field, and these are numbers; leave it out";
  if (labelSeparator !== undefined && train !== undefined && !multiLabel)
    yield "option 'labelSeparator' is for several labels of one text: set multiLabel, or leave it out";
  if (train !== undefined && thresholds !== undefined && !multiLabel) yield thresholdsAlone;
  const kind = regression
    ? 'scores'
    : multiLabel
      ? 'labels that hold at once'
      : labelRows || labelColumns
        ? 'probabilities'
        : undefined;
  if (kind === undefined) return;
  if (sampling === 'balanced')
    yield `option 'sampling' balanced draws classes, and the labels are ${kind}; choose another sampling`;
  if (classWeights !== undefined && !multiLabel)
    yield `option 'classWeights' is for labels that hold or not, and these are ${kind}; leave it out`;
  if (labelSmoothing > 0 && regression)
    yield "options 'labelSmoothing' and 'regression' contradict each other: scores are not spread over classes; leave one of them out";
}

// Runs that cannot learn: every sample weighs nothing, no text has a character, no parameter has a learning rate, or no
// step has a sample with a target. Each would end well with weights that nothing has changed. What can be known of the
// data and the options is refused before the first step; the rest when an epoch has shown it.

import { ofKind } from '../data/columns.js';
import type { Dataset } from '../data/dataset.js';
import type { Table } from '../data/table.js';
import { DataError, UsageError } from '../errors.js';
import type { GroupOptions } from '../optim/rules/rule.js';

/**
 * Refuses data and options that nothing can be learnt from, and says how many texts are empty.
 * @param options those of the trained parameters
 * @throws UsageError, DataError with the cause
 */
export function checkLearnable(train: Dataset, options: Iterable<GroupOptions>): string[] {
  const rates = [...options].map(({ learningRate }) => learningRate);
  if (rates.length > 0 && rates.every((rate) => rate === 0))
    throw new UsageError(
      `groups give each of ${rates.length} trained parameters the learning rate 0, so nothing would be learnt; raise one, or freeze what is not to change`,
    );
  const { classWeights, classCounts, files, table } = train;
  if (
    classWeights &&
    classCounts.length > 0 &&
    classCounts.every((count, c) => count === 0 || (classWeights[c] ?? 1) === 0)
  )
    throw new UsageError(
      'classWeights give every class that has samples the weight 0, so nothing would be learnt; leave at least one class a weight',
    );
  const where = `data file ${files.join(', ')}`;
  if (!table) return [];
  if (table.weight && totalWeight(table, classWeights) === 0)
    throw new DataError(
      `${where}: the weights of all ${table.count} samples are 0${classWeights ? ', those of their classes included' : ''}, so nothing would be ` +
        'learnt; correct the column, or leave weightColumn out',
    );
  const empty = table.length ? table.length.subarray(0, table.count).filter((length) => length === 0).length : 0;
  if (empty > 0 && empty === table.count)
    throw new DataError(`${where}: all ${empty} texts are empty, so there is nothing to learn from`);
  return empty > 0 ? [`${empty} of ${table.count} training texts are empty`] : [];
}

function totalWeight({ count, columns, weight }: Table, classWeights: readonly number[] | undefined): number {
  const classes = classWeights && ofKind(columns, 'label', 'class')?.values;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += weight![i]! * (classes ? (classWeights[classes[i]!] ?? 1) : 1);
  return sum;
}

/** The error of a run none of whose steps so far had a sample with a part in the loss. */
export const nothingLearnt = (steps: number): DataError =>
  new DataError(
    `none of the ${steps} steps so far had a sample with a part in the loss, which was 0 in each, so the run learns nothing: ` +
      'no sample has a target (texts without tokens, without tags or without a place to mask; targets of -100), or all weights are 0',
  );

/** What is to be said of steps without one, where others had one. */
export const idleSteps = (idle: number, steps: number): string =>
  `${idle} of ${steps} steps had no sample with a part in the loss (no target, or a weight of 0), and changed nothing by it`;

// The table of pictures that sources hold: where each lies, its label or targets, and its weight.

import { DataError } from '../../errors.js';
import type { ColumnSlice, ColumnSpec } from '../columns.js';
import { shared } from '../shared-arrays.js';
import type { Table } from '../table.js';
import { type ImageSource, pictureSource, placeInSource } from './sources.js';
import { type Classes, targetsFor, writeTargets } from './targets.js';

/**
 * Of the class of each picture, in role 'label', and where pictures have more than a class of the numbers for all of
 * them, in role 'targets'.
 * @param classes undefined for pictures without labels
 * @throws DataError for sources that hold no pictures at all, and labels that do not fit together
 */
export function pictureTable(
  sources: readonly ImageSource[],
  columns: readonly ColumnSpec[],
  classes: Classes | undefined,
  multiLabel: boolean,
): Table {
  const files = sources.map(({ name }) => name);
  const count = sources.reduce((sum, { rows }) => sum + rows, 0);
  if (count === 0) throw new DataError(`data file ${files.join(', ')} holds no pictures`);
  const places = shared.uint32(2 * count);
  const labels = classes?.labels;
  const label = shared.int32(labels ? count : 0);
  const targets = labels && targetsFor(sources, count, labels.size);
  const weight = sources.some(({ weights }) => weights) ? shared.float32(count) : undefined;
  let from = 0;
  for (const [index, source] of sources.entries()) {
    for (let row = 0; row < source.rows; row++) {
      places[2 * (from + row)] = index;
      places[2 * (from + row) + 1] = row;
      if (weight) weight[from + row] = weightOf(source, row);
    }
    if (classes) {
      const { labels, readings } = classes;
      writeTargets({ label, targets }, from, source, { labels, reading: readings[index]! }, multiLabel);
    }
    from += source.rows;
  }
  const role = columns.find(({ kind }) => kind === 'picture')!.role;
  const filled: Record<string, ColumnSlice> = {
    [role]: { kind: 'picture', sources: sources.map(pictureSource), places },
  };
  if (labels) filled.label = { kind: 'class', values: label };
  if (targets) filled.targets = { kind: 'numbers', values: targets, width: labels!.size };
  return { count, columns: filled, weight, origin: { files } };
}

function weightOf(source: ImageSource, row: number): number {
  const weight = source.weights?.[row] ?? 1;
  if (weight >= 0 && weight < Number.POSITIVE_INFINITY) return weight;
  throw new DataError(`${placeInSource(source, row)}: the weight is ${weight}, expected a number of at least 0`);
}

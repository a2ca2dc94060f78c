// The classes of labelled pictures and each picture's target: read from the numbers that a source holds, checked, and
// put in the order of the classes that the task has.

import { DataError } from '../../errors.js';
import { LabelSet, labelsOfData } from '../labels.js';
import { shared } from '../shared-arrays.js';
import { type ImageSource, placeInSource as placed } from './sources.js';

/**
 * What a sample's target is: its class; a probability for each class (soft labels); or for each label by itself whether
 * it holds, or how likely it does (multi-label).
 */
export type TargetKind = 'class' | 'probabilities' | 'labels';

export interface Classes {
  labels: LabelSet;
  /** Whether data or options name them: else they are called by their numbers. */
  named: boolean;
}

export interface ClassOptions {
  /** In the order of the model's outputs. */
  labels?: readonly string[] | undefined;
  /** How many there are, where nothing names them. */
  numLabels?: number | undefined;
  multiLabel: boolean;
}

/**
 * The classes of training data: as named by the options or the data, else as many as the numbers need. @throws
 * DataError
 */
export function classesOf(sources: readonly ImageSource[], { labels, numLabels, multiLabel }: ClassOptions): Classes {
  // Sources whose names are only those met (open) follow the others; without others, all that they met count.
  const fixed = sources.filter(({ open }) => !open);
  const [first] = (fixed.length > 0 ? fixed : sources) as [ImageSource];
  const other = fixed.find(({ names }) => JSON.stringify(names) !== JSON.stringify(first.names));
  if (!labels && other)
    throw new DataError(
      `${other.name} names other classes than ${first.name}: give all files of the training data the same label_names`,
    );
  const met = sources.find(({ open }) => open);
  if (!labels && met && fixed.length > 0 && !first.names)
    throw new DataError(
      `${met.name} has names of classes and ${first.name} numbers; say with labelNames which names the numbers stand for`,
    );
  const names = labels ?? (fixed.length > 0 ? first.names : namesMet(sources, multiLabel));
  const found = Math.max(...sources.map(countOf));
  const size = names?.length ?? (first.labels?.width === undefined ? Math.max(numLabels ?? 0, found) : found);
  if (size < (multiLabel ? 1 : 2))
    throw new DataError(`data file ${first.name} has one class only; training a classifier takes two or more`);
  return {
    labels: new LabelSet(names ?? Array.from({ length: size }, (_, i) => String(i))),
    named: names !== undefined,
  };
}

function namesMet(sources: readonly ImageSource[], multiLabel: boolean): readonly string[] {
  const met = [...new Set(sources.flatMap(({ names }) => names ?? []))];
  return multiLabel && met.length < 2
    ? met
    : labelsOfData(
        met,
        sources.map(({ name }) => name),
      ).names;
}

/** Classes that a source's labels need. */
const countOf = ({ labels }: ImageSource): number =>
  labels ? (labels.width ?? labels.values.reduce((most, value) => Math.max(most, value + 1), 0)) : 0;

/** Of the samples of a table. */
export interface Targets {
  /** Class of each; of several probable ones the likeliest. */
  label: Int32Array;
  /** [samples, classes] where samples have more than a class. */
  targets?: Float32Array | undefined;
}

/**
 * Writes the targets of one source into a table, from sample `from` on.
 * @throws DataError with file and row for a label that is none of the classes, and rows that are no targets
 */
export function writeTargets(
  table: Targets,
  from: number,
  source: ImageSource,
  classes: LabelSet,
  multiLabel: boolean,
): void {
  const { values, width } = source.labels!;
  const order = orderOf(source, classes);
  if (width === undefined) {
    if (multiLabel)
      throw new DataError(
        `${source.name}: multiLabel takes labels of shape [N, ${classes.size}], 1 where a label holds; found a class for each picture`,
      );
    for (let i = 0; i < source.rows; i++) table.label[from + i] = classOf(source, i, values[i]!, order, classes);
    return;
  }
  if (width !== order.length)
    throw new DataError(
      `${source.name}: labels have ${width} numbers for each picture, expected ${order.length}, one for each class`,
    );
  const size = classes.size;
  for (let i = 0; i < source.rows; i++) {
    const row = values.subarray(i * width, (i + 1) * width);
    refuseWrong(source, i, row, multiLabel);
    const at = (from + i) * size;
    for (const [k, value] of row.entries()) if (order[k] !== -1) table.targets![at + order[k]!] = value;
    table.label[from + i] = largest(table.targets!.subarray(at, at + size));
  }
}

/** Whether any source has rows of numbers as labels; then all have targets. */
export const targetsFor = (sources: readonly ImageSource[], count: number, size: number): Float32Array | undefined =>
  sources.some(({ labels }) => labels?.width !== undefined) ? shared.float32(count * size) : undefined;

/** The class of each number that a source uses: by name where it names them. -1: no class. */
function orderOf({ names, labels }: ImageSource, classes: LabelSet): number[] {
  if (names) return names.map((name) => classes.id(name) ?? -1);
  return Array.from({ length: labels?.width ?? classes.size }, (_, i) => (i < classes.size ? i : -1));
}

function classOf(source: ImageSource, row: number, value: number, order: readonly number[], classes: LabelSet): number {
  const found = order[value];
  if (found !== undefined && found !== -1) return found;
  const name = source.names?.[value];
  const shown = classes.names.slice(0, 20).join(', ') + (classes.size > 20 ? ', …' : '');
  throw new DataError(
    name === undefined
      ? `${placed(source, row)}: label ${value} is out of range; there are ${order.length} classes (${shown}), labelsAreIndices from 0`
      : `${placed(source, row)}: unknown label '${name}'; the classes are ${shown}`,
  );
}

function refuseWrong(source: ImageSource, row: number, values: Float64Array, multiLabel: boolean): void {
  const wrong = values.findIndex((value) => !(value >= 0 && value <= 1));
  if (wrong >= 0)
    throw new DataError(`${placed(source, row)}: label ${wrong} is ${values[wrong]}, expected a number from 0 to 1`);
  if (multiLabel) return;
  const sum = values.reduce((total, value) => total + value, 0);
  if (Math.abs(sum - 1) > 1e-3)
    throw new DataError(
      `${placed(source, row)}: the probabilities of the classes add up to ${sum}, expected 1; where several labels may hold at once, set multiLabel`,
    );
}

function largest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

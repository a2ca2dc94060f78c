// The classes of labelled pictures and each picture's target: read from the numbers that a source holds, checked, and
// put in the order of the classes that the task has.

import { DataError } from '../../errors.js';
import type { FileLabels } from '../label-meaning.js';
import { LabelReader, type LabelReading, LabelSet, listed, unknownLabel } from '../labels.js';
import { refuseOtherSum } from '../read/record.js';
import { type LabelRules, settleOther, settleTraining } from '../settle-labels.js';
import { shared } from '../shared-arrays.js';
import { type ImageSource, placeInSource as placed } from './sources.js';

/**
 * What a sample's target is: its class; a probability for each class (soft labels); for each label by itself whether it
 * holds, or how likely it does (multi-label); or scores as they are (regression).
 */
export type TargetKind = 'class' | 'probabilities' | 'labels' | 'values';

export interface Classes {
  labels: LabelSet;
  /** How the labels of each file are read. */
  readings: readonly LabelReading[];
  /** Whether data, options or model name them: else they are called by their numbers. */
  named: boolean;
}

export interface ClassOptions extends LabelRules {
  multiLabel: boolean;
  /** Names of the classes of the model that is trained. */
  modelLabels?: readonly string[] | undefined;
  /** The classes that the pictures are measured against; undefined: they decide. */
  against?: LabelSet | undefined;
}

/** The labels of a source's pictures; none where each has only a number for each class. */
export function labelsOfSource(source: ImageSource): FileLabels {
  const { name, names, open, declared, labels, numeric } = source;
  const met = new Map<string, string>();
  if (labels && names) {
    const { values, width } = labels;
    for (let row = 0; row < source.rows; row++) {
      if (width === undefined) meet(values[row]!, row);
      else for (let k = 0; k < width; k++) if (values[row * width + k]! > 0) meet(k, row);
    }
  }
  return { name, met, declared, named: open ? undefined : names, numeric };

  function meet(id: number, row: number): void {
    const label = names![id];
    if (label !== undefined && !met.has(label)) met.set(label, placed(source, row));
  }
}

/**
 * The classes of pictures: as labels, data, options or the model name them, else as many as there are numbers for each
 * picture.
 * @param notes what the user should know is added
 * @throws DataError
 */
export function classesOf(
  sources: readonly ImageSource[],
  files: readonly FileLabels[],
  { multiLabel, modelLabels = [], against, ...rules }: ClassOptions,
  notes: string[],
): Classes {
  for (const source of sources) refuseMixed(source, sources[0]!);
  const numbered = sources.findIndex(({ names }) => !names);
  if (numbered < 0) {
    const { classes, readings } = against
      ? settleOther(files, against, rules, notes)
      : settleTraining(files, modelLabels, { ...rules, oneSuffices: multiLabel }, notes);
    return { labels: classes, readings, named: true };
  }
  const size = sources[numbered]!.labels!.width!;
  const other = sources.find(({ names }) => names);
  if (other && !rules.labelNames && !against && !namesOfNumbers(sources))
    throw new DataError(
      `${other.name} has names of classes and ${sources[numbered]!.name} numbers; say with labelNames which names the numbers stand for`,
    );
  const names = { labelNames: rules.labelNames, modelLabels, against };
  const { labels, named } = classesOfRows(size, namesOfNumbers(sources), names, notes);
  const reading = { of: labels.names, numbers: false, to: labels.names.map((_, i) => i) };
  return { labels, readings: sources.map(() => reading), named };
}

/** Who else may name the numbers that each sample has. */
export interface RowNames {
  labelNames?: readonly string[] | undefined;
  modelLabels: readonly string[];
  against: LabelSet | undefined;
}

/**
 * Classes of samples that have `size` numbers each, one for each class.
 * @param own names that the data give them
 * @param fallback names where nothing else gives any; default their places from 0
 */
export function classesOfRows(
  size: number,
  own: readonly string[] | undefined,
  { labelNames, modelLabels, against }: RowNames,
  notes: string[],
  fallback?: readonly string[],
): Pick<Classes, 'labels' | 'named'> {
  const model = modelLabels.length === size ? modelLabels : undefined;
  const given = against?.names ?? labelNames ?? own ?? model;
  if (given === model && model)
    notes.push(
      `nothing names the ${size} numbers of each sample: they are those of the model's classes, ${listed(model, 10)}`,
    );
  const names = given ?? fallback ?? Array.from({ length: size }, (_, i) => String(i));
  return { labels: new LabelSet(names), named: given !== undefined };
}

/** Those that any source names in their order. */
const namesOfNumbers = (sources: readonly ImageSource[]): readonly string[] | undefined =>
  sources.find(({ names, open }) => names && !open)?.names;

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
  { labels: classes, reading }: { labels: LabelSet; reading: LabelReading },
  multiLabel: boolean,
): void {
  const { values, width } = source.labels!;
  const order = orderOf(source, classes, reading);
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
function orderOf({ names, labels }: ImageSource, classes: LabelSet, reading: LabelReading): number[] {
  if (names) {
    const reader = new LabelReader(reading);
    return names.map((name) => reader.classOf(name));
  }
  return Array.from({ length: labels?.width ?? classes.size }, (_, i) => (i < classes.size ? i : -1));
}

function classOf(source: ImageSource, row: number, value: number, order: readonly number[], classes: LabelSet): number {
  const found = order[value];
  if (found !== undefined && found !== -1) return found;
  const name = source.names?.[value];
  throw new DataError(
    name === undefined
      ? `${placed(source, row)}: label ${value} is out of range; there are ${order.length} classes (${listed(classes.names)}), numbered from 0`
      : `${placed(source, row)}: ${unknownLabel(name, classes.names)}`,
  );
}

function refuseWrong(source: ImageSource, row: number, values: Float64Array, multiLabel: boolean): void {
  const wrong = values.findIndex((value) => !(value >= 0 && value <= 1));
  if (wrong >= 0)
    throw new DataError(`${placed(source, row)}: label ${wrong} is ${values[wrong]}, expected a number from 0 to 1`);
  if (multiLabel) return;
  refuseOtherSum(values, placed(source, row));
}

function largest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

function refuseMixed(source: ImageSource, first: ImageSource): void {
  if ((source.labels?.width === undefined) === (first.labels?.width === undefined)) return;
  throw new DataError(
    `${source.name} and ${first.name} disagree: labels must be a class for each picture in all files, or a row of numbers`,
  );
}

// Who reads what an option names, by the kinds of the columns that are wanted: pictures come from folders, lists and
// files of tensors, texts from tables or packed files, numbers from tables or tensors. Labels are settled when the
// classes are known.

import { DataError, UsageError } from '../errors.js';
import { quote } from '../quote.js';
import { type ColumnSpec, ofKind, rowsColumn, targetsRole } from './columns.js';
import { openSources } from './images/image-inputs.js';
import { pictureTable } from './images/picture-table.js';
import { type Classes, classesOf, classesOfRows, labelsOfSource, type RowNames } from './images/targets.js';
import type { FileLabels } from './label-meaning.js';
import { applyLabels, LabelSet, listed } from './labels.js';
import { MemoryTensors } from './memory/tensors.js';
import { isStored, readPackedTexts } from './pack/read-texts.js';
import type { DataInput, OpenRequest } from './protocol.js';
import { declaredNames } from './read/class-names.js';
import { openFiles } from './read/files.js';
import { readBlocks } from './read/raw.js';
import { noClass, readOptions, toRecord } from './read/record.js';
import type { ReadOptions } from './read/row.js';
import { readTensors, tensorTable } from './read/tensors.js';
import { settleOther, settleTraining } from './settle-labels.js';
import { locationOf, type Table } from './table.js';
import { TableBuilder } from './table-builder.js';

/** Samples whose labels are as they were read. */
export interface Found {
  /** Those of training data, or `against` which the samples are measured. @throws DataError */
  settle(against: LabelSet | undefined): Classes;
  /** The labels by file. */
  labels: readonly FileLabels[];
  /** The samples with these classes. @throws DataError, with its place, for a label that is none of them */
  table(classes: Classes): Table;
}

/** A table whose classes count in `names`. */
export interface ReadTable {
  table: Table;
  names: readonly string[];
  /** What the files say of their labels, in their order. */
  fileLabels?: readonly Pick<FileLabels, 'declared' | 'named'>[] | undefined;
  /** What the user should know. */
  notes?: readonly string[] | undefined;
  /** Of rows that the host program keeps, of which the table has labels, weights and lengths alone: their hash. */
  asked?: string | undefined;
}

const holds = (columns: readonly ColumnSpec[], ...kinds: readonly ColumnSpec['kind'][]): boolean =>
  columns.some(({ kind }) => kinds.includes(kind));
export const readsPictures = (columns: readonly ColumnSpec[]): boolean => holds(columns, 'picture');
/** Whether samples have labels that are classes. */
export const isLabelled = (columns: readonly ColumnSpec[]): boolean =>
  holds(columns, 'class', 'classes') ||
  rowsColumn(columns) !== undefined ||
  (readsPictures(columns) && columns.some(({ role }) => role === 'label'));

/**
 * Reads all samples of an input.
 * @param weights column, or tensor, with the samples' weights
 * @param notes what the user should know is added
 * @throws UsageError for a pattern without a file; DataError, with its place, for what cannot be used
 */
export async function find(
  input: DataInput,
  request: OpenRequest,
  weights: string | undefined,
  notes: string[],
): Promise<Found> {
  const { columns } = request;
  if (readsPictures(columns)) return findPictures(input, request, weights, notes);
  const read = await readInput(input, columns, weights, readingOf(request, notes));
  for (const note of read.notes ?? []) if (!notes.includes(note)) notes.push(note);
  const labels = isLabelled(columns) ? labelsMet(read, columns) : [];
  return {
    labels,
    settle: (against) => settleFiles(labels, request, against, notes),
    table: ({ labels: { names }, readings }) => {
      if (isLabelled(columns)) applyLabels(read.table, read.names, names, readings);
      return read.table;
    },
  };
}

/** How the files of a request are read; what is assumed of them is added to `notes` once. */
export const readingOf = ({ form }: Pick<OpenRequest, 'form'>, notes: string[]): Reading => ({
  form,
  note: (text) => {
    if (!notes.includes(text)) notes.push(text);
  },
});
export type Reading = Pick<ReadOptions, 'form' | 'note'>;

/** The labels of each file of a table. */
function labelsMet({ table, names, fileLabels = [] }: ReadTable, columns: readonly ColumnSpec[]): FileLabels[] {
  if (rowsColumn(columns))
    return table.origin.files.map((name, file) => ({ ...fileLabels[file], ...numbersMet(name, columns, table) }));
  const places = firstPlaces(table, names);
  return table.origin.files.map((name, file) => ({ ...fileLabels[file], name, met: places[file] ?? new Map() }));
}

/** Of a file whose samples have numbers in place of labels, as they lie in a table. */
export function numbersMet(name: string, columns: readonly ColumnSpec[], { columns: slices }: Table): FileLabels {
  const named = rowsColumn(columns)?.parts;
  const width = ofKind(slices, targetsRole, 'numbers')?.width;
  return { name, met: new Map((named ?? []).map((label) => [label, name])), named, width };
}

/** By file the labels of a table, each with the place where it is first; undefined for a file without any. */
export function firstPlaces(table: Table, names: readonly string[]): (Map<string, string> | undefined)[] {
  const { lines } = table.origin;
  const first: Map<number, number>[] = [];
  const meet = (name: number, sample: number): void => {
    const file = lines?.file[sample] ?? 0;
    first[file] ??= new Map();
    if (name !== noClass && !first[file].has(name)) first[file].set(name, sample);
  };
  for (const column of Object.values(table.columns)) {
    if (column.kind === 'class') for (let i = 0; i < table.count; i++) meet(column.values[i]!, i);
    if (column.kind !== 'classes') continue;
    for (let i = 0; i < table.count; i++)
      for (let k = column.offsets[i]!; k < column.offsets[i + 1]!; k++) meet(column.values[k]!, i);
  }
  const placed = (met: Map<number, number>) =>
    new Map(Array.from(met, ([label, sample]) => [names[label]!, locationOf(table, sample)]));
  return first.map((met) => met && placed(met));
}

/** The classes of training data, or those that data is measured `against`; one without a name where there are none. */
export function settleFiles(
  files: readonly FileLabels[],
  request: Omit<OpenRequest, 'train' | 'seed' | 'scratch'>,
  against: LabelSet | undefined,
  notes: string[],
): Classes {
  const { columns, labelNames, modelLabels = [], numLabels, multiLabel = false } = request;
  if (!isLabelled(columns)) return unlabelled;
  const rows = rowsColumn(columns);
  if (rows && !rows.parts) return classesOfLists(files, rows, { labelNames, modelLabels, against }, notes);
  const oneSuffices = multiLabel || (rows !== undefined && rows.range === undefined);
  const { classes, readings } = against
    ? settleOther(files, against, { labelNames }, notes)
    : settleTraining(files, modelLabels, { labelNames, numLabels, oneSuffices }, notes);
  return { labels: classes, readings, named: true };
}

/** Classes of samples that have a list of numbers, one for each. @throws DataError for as many as there are no names */
function classesOfLists(
  files: readonly FileLabels[],
  { name: column, range }: ColumnSpec,
  names: RowNames,
  notes: string[],
): Classes {
  const [first] = files as [FileLabels];
  const size = first.width ?? 0;
  const declared = files.find((file) => file.declared?.names.length === size)?.declared?.names;
  const own = size === 1 ? [column] : undefined;
  const { labels, named } = classesOfRows(size, declared, names, notes, own);
  if (labels.size !== size)
    throw new DataError(
      `data file ${files.map(({ name }) => name).join(', ')}: column ${quote(column)} has ${size} numbers for each sample, ` +
        `and there are ${labels.size} names of them: ${listed(labels.names)}`,
    );
  if (range === 'distribution' && size < 2)
    throw new DataError(
      `data file ${first.name}: column ${quote(column)} has one number for each sample, and probabilities are of two classes or more`,
    );
  const reading = { of: labels.names, numbers: false, to: labels.names.map((_, i) => i) };
  return { labels, readings: files.map(() => reading), named };
}

const unlabelled: Classes = { labels: new LabelSet(['']), readings: [], named: true };

/** What the column of labels is called. */
export const labelColumnOf = (columns: readonly ColumnSpec[]): string | undefined =>
  columns.find(({ kind, role, parts }) => !parts && (['class', 'classes'].includes(kind) || labelRoles.includes(role)))
    ?.name;
const labelRoles = ['label', targetsRole];

async function readInput(
  input: DataInput,
  columns: readonly ColumnSpec[],
  weights: string | undefined,
  reading: Reading,
): Promise<ReadTable> {
  if ('files' in input) return readTable(await openFiles(input.files), columns, weights, reading);
  if ('tensors' in input) return tensorTable(new MemoryTensors(input.tensors), columns, weights);
  if ('table' in input) return input;
  throw new UsageError('the task reads no pictures, and pictures in memory are given; name the task that reads them');
}

async function findPictures(
  input: DataInput,
  request: OpenRequest,
  weights: string | undefined,
  notes: string[],
): Promise<Found> {
  const { columns, scratch, multiLabel = false, labelNames } = request;
  if (!('files' in input || 'source' in input))
    throw new UsageError(
      'the task reads pictures, which tensors in memory hold none of; give rows with pictures, or { images: … }',
    );
  const reading = readingOf(request, notes);
  const sources = await openSources(input, { columns, weights, scratch, labelNames, reading }, notes);
  if (!isLabelled(columns))
    return { labels: [], settle: () => unlabelled, table: () => pictureTable(sources, columns, undefined, multiLabel) };
  const labels = sources.map(labelsOfSource);
  return {
    labels,
    settle: (against) => classesOf(sources, labels, { ...request, multiLabel, against }, notes),
    table: (classes) => pictureTable(sources, columns, classes, multiLabel),
  };
}

async function readTable(
  files: readonly string[],
  columns: readonly ColumnSpec[],
  weights: string | undefined,
  reading: Reading,
): Promise<ReadTable> {
  if (files.some(isStored))
    return holds(columns, 'text', 'tokens')
      ? readPackedTexts(files, columns, weights)
      : readTensors(files, columns, weights);
  const builder = new TableBuilder(files, columns, {
    weight: weights !== undefined,
    maxDataMemory: reading.form?.maxDataMemory,
  });
  for (const [file, path] of files.entries()) await readInto(builder, path, file, { columns, weights, ...reading });
  refuseEmpty(builder.table.count, files);
  return { table: builder.table, names: builder.names, fileLabels: await declaredBy(files, columns) };
}

/** What the data sets of files say of their labels. */
export async function declaredBy(
  files: readonly string[],
  columns: readonly ColumnSpec[],
): Promise<Pick<FileLabels, 'declared'>[]> {
  const column = labelColumnOf(columns);
  const all: Pick<FileLabels, 'declared'>[] = [];
  // One after the other: there may be more shards than files that can be open.
  for (const file of files)
    all.push({ declared: column === undefined ? undefined : await declaredNames(file, column) });
  return all;
}

/** Adds the records of a file to `builder` and gives their number; `taken` is called after every few of them. */
export async function readInto(
  builder: TableBuilder,
  path: string,
  file: number,
  { columns, weights, ...reading }: { columns: readonly ColumnSpec[]; weights: string | undefined } & Reading,
  taken?: () => void,
): Promise<number> {
  let records = 0;
  for await (const block of readBlocks(path, { ...readOptions(columns, weights), ...reading })) {
    for (const raw of block) {
      const record = toRecord(raw, path, columns, weights);
      if (record.said !== undefined) reading.note?.(`${path}: ${record.said}`);
      builder.add(record, file, block.repeats);
    }
    records += block.length;
    taken?.();
  }
  return records;
}

export function refuseEmpty(records: number, files: readonly string[]): void {
  if (records > 0) return;
  throw new DataError(`data file ${files.join(', ')} ${files.length > 1 ? 'hold' : 'holds'} no records`);
}

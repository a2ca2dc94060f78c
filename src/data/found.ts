// Who reads what an option names, by the kinds of the columns that are wanted: pictures come from folders, lists and
// files of tensors, texts from tables or packed files, numbers from tables or tensors. Labels are settled when the
// classes are known.

import { DataError, UsageError } from '../errors.js';
import type { ColumnSpec } from './columns.js';
import { openSources } from './images/image-inputs.js';
import { pictureTable } from './images/picture-table.js';
import { type Classes, classesOf } from './images/targets.js';
import { LabelSet, labelsOfData } from './labels.js';
import { MemoryTensors } from './memory/tensors.js';
import { isStored, readPackedTexts } from './pack/read-texts.js';
import type { DataInput, OpenRequest } from './protocol.js';
import { openFiles } from './read/files.js';
import { readBlocks } from './read/raw.js';
import { columnNames, toRecord } from './read/record.js';
import type { ReadOptions } from './read/row.js';
import { readTensors, tensorTable } from './read/tensors.js';
import type { Table } from './table.js';
import { TableBuilder } from './table-builder.js';

/** Samples whose labels are as they were read. */
export interface Found {
  /** Those of training data. @throws DataError where there are too few */
  classes(): Classes;
  /** The samples with these classes. @throws DataError, with its place, for a label that is none of them */
  table(classes: LabelSet): Table;
}

/** A table whose classes count in `names`. */
export interface ReadTable {
  table: Table;
  names: readonly string[];
  /** What the user should know. */
  notes?: readonly string[] | undefined;
}

const holds = (columns: readonly ColumnSpec[], ...kinds: readonly ColumnSpec['kind'][]): boolean =>
  columns.some(({ kind }) => kinds.includes(kind));
export const readsPictures = (columns: readonly ColumnSpec[]): boolean => holds(columns, 'picture');
/** Whether samples have labels that are classes. */
export const isLabelled = (columns: readonly ColumnSpec[]): boolean =>
  holds(columns, 'class', 'classes') || (readsPictures(columns) && columns.some(({ role }) => role === 'label'));

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
  const { columns, labels } = request;
  if (readsPictures(columns)) return findPictures(input, request, weights, notes);
  const read = await readInput(input, columns, weights, readingOf(request, notes));
  for (const note of read.notes ?? []) if (!notes.includes(note)) notes.push(note);
  const { files } = read.table.origin;
  return {
    classes: () => classesOfRecords(labels, columns, read.names, files),
    table: (classes) => applied(read, classes),
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

/** The classes as requested, else those of the data; one without a name where no column holds labels. */
export function classesOfRecords(
  labels: readonly string[] | undefined,
  columns: readonly ColumnSpec[],
  names: readonly string[],
  files: readonly string[],
): Classes {
  if (!isLabelled(columns)) return unlabelled;
  return { labels: labels ? new LabelSet(labels) : labelsOfData(names, files), named: true };
}

const unlabelled: Classes = { labels: new LabelSet(['']), named: true };

function applied({ table, names }: ReadTable, classes: LabelSet): Table {
  classes.apply(table, names);
  return table;
}

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
  const { columns, scratch, multiLabel = false } = request;
  const labelled = isLabelled(columns);
  if (!('files' in input || 'source' in input))
    throw new UsageError('the task reads pictures, which tensors and rows in memory hold none of; give { images: … }');
  const sources = await openSources(input, { columns, weights, scratch, reading: readingOf(request, notes) }, notes);
  return {
    classes: () => (labelled ? classesOf(sources, { ...request, multiLabel }) : unlabelled),
    table: (classes) => pictureTable(sources, columns, labelled ? classes : undefined, multiLabel),
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
  return builder;
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
  for await (const block of readBlocks(path, { columns: columnNames(columns, weights), ...reading })) {
    for (const raw of block) builder.add(toRecord(raw, path, columns, weights), file, block.repeats);
    records += block.length;
    taken?.();
  }
  return records;
}

export function refuseEmpty(records: number, files: readonly string[]): void {
  if (records > 0) return;
  throw new DataError(`data file ${files.join(', ')} ${files.length > 1 ? 'hold' : 'holds'} no records`);
}

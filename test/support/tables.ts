// Tables of a few records and their samples, as the data thread and a data set would make them, and data opened for
// what texts and pictures are read for.

import { imageColumns, textColumns } from '#ortune/data/column-specs.js';
import type { Dataset } from '#ortune/data/dataset.js';
import { type Samples, samplesOf } from '#ortune/data/samples.js';
import { openDataset, Splits, type SplitsOptions } from '#ortune/data/splits.js';
import { pictureSources, type Table } from '#ortune/data/table.js';
import { TableBuilder } from '#ortune/data/table-builder.js';

export interface TestRecord {
  text: string;
  pair?: string;
  label?: string;
  weight?: number;
  line: number;
}

const columns = textColumns({ textColumn: 'text', pairColumn: 'pair', labelColumn: 'label' });

/** Labels are numbered as they come first. */
export function tableFor(file: string, records: readonly TestRecord[]): Table {
  const builder = new TableBuilder([file], columns, { weight: true });
  for (const { text, pair = '', label = '', weight = 1, line } of records)
    builder.add({ values: { text, pair, label }, weight, line }, 0);
  return builder.table;
}

export async function* samplesFor(
  table: Table,
  batchSize: number,
  order: Uint32Array,
  from = 0,
): AsyncGenerator<Samples, void, void> {
  for (let index = from; index * batchSize < order.length; index++)
    yield samplesOf(table, order.subarray(index * batchSize, (index + 1) * batchSize), { index });
}

/** Names of the columns of texts. */
export interface TextNames {
  text: string;
  pair?: string;
  label?: string;
  weight?: string;
}

type TextSplits = Omit<Partial<SplitsOptions>, 'columns' | 'train' | 'eval' | 'test'> & {
  train: readonly string[];
  eval?: readonly string[] | undefined;
  test?: readonly string[] | undefined;
};

const specsOf = ({ text, pair, label }: TextNames) =>
  textColumns({ textColumn: text, pairColumn: pair, labelColumn: label });
const input = (files: readonly string[] | undefined) => files && { files };

export type OpenTexts = TextSplits & { columns: TextNames };

/** Texts of files. */
export const openTexts = ({ columns, train, eval: evaluation, test, ...more }: OpenTexts, signal?: AbortSignal) =>
  Splits.open(
    {
      ...more,
      ...{ train: { files: train }, eval: input(evaluation), test: input(test) },
      ...{ columns: specsOf(columns), weights: columns.weight },
    },
    signal,
  );

/** Texts to evaluate on. */
export const openLabelled = (options: { files: readonly string[]; columns: TextNames; labels?: readonly string[] }) =>
  openDataset({ train: { files: options.files }, columns: specsOf(options.columns), classes: options.labels });

export type OpenPictures = Omit<SplitsOptions, 'columns'> & { columns?: { image: string; label?: string } };

/** Labelled pictures. */
export const openPictures = ({ columns = { image: 'image', label: 'label' }, ...more }: OpenPictures) =>
  Splits.open({ ...more, columns: imageColumns({ imageColumn: columns.image, labelColumn: columns.label }) });

/** Numbers or classes of a part's samples. */
export function valuesOf({ table }: Dataset, role: string): number[] {
  const { columns, count } = table!;
  const column = columns[role]!;
  if (column.kind !== 'class' && column.kind !== 'numbers') throw new Error(`${role} is ${column.kind}`);
  return [...column.values.subarray(0, count * (column.kind === 'numbers' ? column.width : 1))];
}

/** The sources of a part's pictures. */
export const sourcesIn = ({ table }: Dataset) => pictureSources(table!);

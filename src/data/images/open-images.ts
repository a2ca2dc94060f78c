// Opens the pictures of a run, in the data thread: where they lie and what labels they have, the classes, held-out samples, and
// the hash by which a resumed run knows its data. Pixels are read once, to be hashed, and never kept.

import { DataError } from '../../errors.js';
import type { LabelSet } from '../labels.js';
import { stratifiedSplit } from '../split.js';
import { hashOf } from './image-hash.js';
import { type ImageInput, type OpenSourceOptions, openSources } from './image-inputs.js';
import { type ImageTable, subset } from './image-table.js';
import { type ImageSource, pictureSource, placeInSource, shared } from './sources.js';
import { type ClassOptions, classesOf, countClasses, targetsFor, writeTargets } from './targets.js';

export interface ImageOpenRequest extends ClassOptions, Omit<OpenSourceOptions, 'labelled'> {
  train: ImageInput;
  eval?: ImageInput | undefined;
  test?: ImageInput | undefined;
  evalSplit?: number | undefined;
  seed: number;
}

export interface OpenedImagePart {
  files: readonly string[];
  hash: string;
  classCounts: readonly number[];
  table: ImageTable;
}

export interface OpenedImages {
  labels: readonly string[];
  named: boolean;
  train: OpenedImagePart;
  eval?: OpenedImagePart;
  test?: OpenedImagePart;
  /** What the user should know. */
  notes: readonly string[];
}

/** @throws UsageError for a pattern without a file; DataError, with file and row, for what cannot be trained on */
export async function openImages(request: ImageOpenRequest): Promise<OpenedImages> {
  const { multiLabel, evalSplit, seed, columns, scratch, weights } = request;
  const notes: string[] = [];
  const opening = { labelled: true, columns, scratch };
  const train = await openSources(request.train, { ...opening, weights }, notes);
  const { labels, named } = classesOf(train, request);
  const all = tableOf(train, labels, multiLabel);
  const held = evalSplit === undefined ? undefined : split(all, labels, evalSplit, seed);
  const partOf = (sources: readonly ImageSource[], table: ImageTable): OpenedImagePart => ({
    files: sources.map(({ name }) => name),
    hash: hashOf(table, labels),
    classCounts: countClasses(table, labels.size, multiLabel),
    table,
  });
  const other = async (input: ImageInput | undefined): Promise<OpenedImagePart | undefined> => {
    if (!input) return undefined;
    const sources = await openSources(input, opening, notes);
    return partOf(sources, tableOf(sources, labels, multiLabel));
  };
  const evaluation = held ? partOf(train, { ...held.eval, weight: undefined }) : await other(request.eval);
  const test = await other(request.test);
  return {
    labels: labels.names,
    named,
    train: partOf(train, held?.train ?? all),
    ...(evaluation && { eval: evaluation }),
    ...(test && { test }),
    notes,
  };
}

export interface UnlabelledRequest extends Omit<OpenSourceOptions, 'labelled'> {
  input: ImageInput;
  /** The hash is wanted, which reads from every file. */
  hashed?: boolean | undefined;
}

export interface OpenedUnlabelled {
  table: ImageTable;
  hash: string | undefined;
  notes: readonly string[];
}

/** Pictures without labels, to be predicted or packed. */
export async function openUnlabelled({ input, hashed, ...options }: UnlabelledRequest): Promise<OpenedUnlabelled> {
  const notes: string[] = [];
  const sources = await openSources(input, { ...options, labelled: false }, notes);
  const table = tableOf(sources, undefined, false);
  return { table, hash: hashed ? hashOf(table, { names: [] }) : undefined, notes };
}

/** @throws DataError for sources that hold no pictures at all, and labels that do not fit together */
function tableOf(sources: readonly ImageSource[], labels: LabelSet | undefined, multiLabel: boolean): ImageTable {
  const [first] = sources as [ImageSource];
  const count = sources.reduce((sum, { rows }) => sum + rows, 0);
  if (count === 0) throw new DataError(`data file ${sources.map(({ name }) => name).join(', ')} holds no pictures`);
  const table: ImageTable = {
    sources: sources.map(pictureSource),
    count,
    source: shared.uint32(count),
    row: shared.uint32(count),
    label: shared.int32(count),
    targets: labels && targetsFor(sources, count, labels.size),
    weight: sources.some(({ weights }) => weights) ? shared.float32(count) : undefined,
  };
  let from = 0;
  for (const [index, source] of sources.entries()) {
    for (let row = 0; row < source.rows; row++) {
      table.source[from + row] = index;
      table.row[from + row] = row;
      if (table.weight) table.weight[from + row] = weightOf(source, row);
    }
    if (labels) refuseMixed(source, first);
    if (labels) writeTargets(table, from, source, labels, multiLabel);
    from += source.rows;
  }
  return table;
}

function refuseMixed(source: ImageSource, first: ImageSource): void {
  if ((source.labels?.width === undefined) === (first.labels?.width === undefined)) return;
  throw new DataError(
    `${source.name} and ${first.name} disagree: labels must be a class for each picture in all files, or a row of numbers`,
  );
}

function weightOf(source: ImageSource, row: number): number {
  const weight = source.weights?.[row] ?? 1;
  if (weight >= 0 && weight < Number.POSITIVE_INFINITY) return weight;
  throw new DataError(`${placeInSource(source, row)}: the weight is ${weight}, expected a number of at least 0`);
}

function split(table: ImageTable, labels: LabelSet, share: number, seed: number) {
  const parts = stratifiedSplit(table.label, table.count, labels.size, share, seed);
  if (parts.eval.length === 0)
    throw new DataError(
      `evalSplit ${share} of ${table.count} samples (${table.sources.map(({ name }) => name).join(', ')}) holds out none of any class; raise it`,
    );
  return { train: subset(table, parts.train), eval: subset(table, parts.eval) };
}

// Opens the pictures of a run, in the data thread: headers and labels of the files, the classes, held-out samples, and the
// hash by which a resumed run knows its data. Pixels are read once, to be hashed, and never kept.

import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { DataError } from '../../errors.js';
import type { LabelSet } from '../labels.js';
import { openFiles } from '../read/files.js';
import { stratifiedSplit } from '../split.js';
import { type ImageTable, shared, subset } from './image-table.js';
import { rowShape } from './pixels.js';
import { type ClassOptions, classesOf, countClasses, targetsFor, writeTargets } from './targets.js';
import { bytesOf, type ImageSource, openImageFile, type PixelSource } from './tensor-file.js';

/** Files and globs, or pictures in memory. */
export type ImageInput = { files: readonly string[] } | { source: ImageSource };

export interface ImageOpenRequest extends ClassOptions {
  train: ImageInput;
  eval?: ImageInput | undefined;
  test?: ImageInput | undefined;
  evalSplit?: number | undefined;
  seed: number;
  /** Name of the tensor with weights of the training samples. */
  weights?: string | undefined;
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
}

/** @throws UsageError for a pattern without a file; DataError, with file and row, for what cannot be trained on */
export async function openImages(request: ImageOpenRequest): Promise<OpenedImages> {
  const { multiLabel, evalSplit, seed } = request;
  const train = await sourcesOf(request.train, true, request.weights);
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
    const sources = await sourcesOf(input, true);
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
  };
}

/** Pictures without labels, to be predicted. */
export async function openPixels(input: ImageInput): Promise<ImageTable> {
  return tableOf(await sourcesOf(input, false), undefined, false);
}

async function sourcesOf(input: ImageInput, labelled: boolean, weights?: string): Promise<ImageSource[]> {
  if ('source' in input) {
    const { source } = input;
    if (labelled && !source.labels) throw new DataError(`${source.name}: there are no labels`);
    return [source];
  }
  const files = await openFiles(input.files);
  const wrong = files.find((file) => !file.endsWith('.safetensors'));
  if (wrong !== undefined)
    throw new DataError(
      `data file ${wrong}: pictures are read from .safetensors files with the tensors pixel_values and labels`,
    );
  return files.map((file) => openImageFile(file, labelled, weights));
}

/** @throws DataError for sources whose pictures differ in shape, and for none at all */
function tableOf(sources: readonly ImageSource[], labels: LabelSet | undefined, multiLabel: boolean): ImageTable {
  const [first] = sources as [ImageSource];
  for (const { name, shape } of sources)
    if (JSON.stringify(shape) !== JSON.stringify(first.shape))
      throw new DataError(
        `${name}: pictures of shape [${rowShape(shape)}], those of ${first.name} have [${rowShape(first.shape)}]; all must be alike`,
      );
  const count = sources.reduce((sum, { rows }) => sum + rows, 0);
  if (count === 0) throw new DataError(`data file ${sources.map(({ name }) => name).join(', ')} holds no pictures`);
  const table: ImageTable = {
    sources: sources.map(({ name, begin, rows, type, memory }): PixelSource => ({ name, begin, rows, type, memory })),
    shape: first.shape,
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

function weightOf({ weights, name }: ImageSource, row: number): number {
  const weight = weights?.[row] ?? 1;
  if (weight >= 0 && weight < Number.POSITIVE_INFINITY) return weight;
  throw new DataError(`${name}:row ${row}: the weight is ${weight}, expected a number of at least 0`);
}

function split(table: ImageTable, labels: LabelSet, share: number, seed: number) {
  const parts = stratifiedSplit(table.label, table.count, labels.size, share, seed);
  if (parts.eval.length === 0)
    throw new DataError(
      `evalSplit ${share} of ${table.count} samples (${table.sources.map(({ name }) => name).join(', ')}) holds out none of any class; raise it`,
    );
  return { train: subset(table, parts.train), eval: subset(table, parts.eval) };
}

/** SHA-256 over the pixels of the sources, then over which of them each sample has, its target and weight. */
function hashOf(table: ImageTable, { names }: LabelSet): string {
  const { sources, shape, source, row, label, targets, weight } = table;
  const hash = createHash('sha256');
  hash.update(JSON.stringify({ names, shape, types: sources.map(({ type, rows }) => [type, rows]) }));
  for (const one of sources) hashPixels(hash, one, one.rows * bytesOf(one, shape));
  for (const column of [source, row, label, targets, weight])
    if (column) hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  return hash.digest('hex');
}

const piece = 4 * 1024 * 1024;

function hashPixels(hash: Hash, { name, begin, memory }: PixelSource, bytes: number): void {
  if (memory) {
    for (let at = 0; at < bytes; at += piece)
      hash.update(new Uint8Array(memory, begin + at, Math.min(piece, bytes - at)));
    return;
  }
  const buffer = Buffer.alloc(Math.min(piece, bytes));
  const file = openSync(name, 'r');
  try {
    for (let at = 0; at < bytes; ) {
      const read = readSync(file, buffer, 0, Math.min(piece, bytes - at), begin + at);
      if (read === 0) throw new DataError(`data file ${name} ends at byte ${begin + at}; is it being written?`);
      hash.update(buffer.subarray(0, read));
      at += read;
    }
  } finally {
    closeSync(file);
  }
}

// Training data that stays in its files, in the data thread: a pass over them for their rows, classes and hash, and
// then block after block in every epoch. The place where the last block ended is kept open, since the next block mostly
// begins there; any other place is reached by skipping. A table is kept for each buffer number and filled again, so
// memory is bounded by the buffers in use.

import { statSync } from 'node:fs';
import { DataError } from '../errors.js';
import { hash } from '../random.js';
import { textsApart } from './apart.js';
import { type ColumnSpec, rowsColumn } from './columns.js';
import { TableHash, type TextKeys } from './digest.js';
import { declaredBy, firstPlaces, numbersMet, type Reading, readInto, refuseEmpty } from './found.js';
import type { Classes } from './images/targets.js';
import type { FileLabels } from './label-meaning.js';
import { applyLabels, countClasses, LabelReader } from './labels.js';
import { isStored } from './pack/read-texts.js';
import type { Block, BlockRequest, OpenedPart, RowsPass, StreamFile } from './protocol.js';
import { readBlocks } from './read/raw.js';
import { readOptions, toRecord } from './read/record.js';
import type { RawRecord } from './read/row.js';
import { epochOrder } from './sampler.js';
import type { Table } from './table.js';
import { TableBuilder } from './table-builder.js';

/** What a pass over streamed files found. */
export interface Pass {
  files: readonly StreamFile[];
  /** The labels of each file. */
  labels: readonly FileLabels[];
  /** Samples of each label, by file. */
  counts: readonly ReadonlyMap<string, number>[];
  hash: string;
  /** Texts that repeat an earlier one. */
  repeated: number;
}

/** One block of the files is in memory at a time. @throws DataError with file and line */
export async function passOver(
  paths: readonly string[],
  columns: readonly ColumnSpec[],
  weights: string | undefined,
  keys: TextKeys,
  reading: Reading = {},
): Promise<Pass> {
  refusePacked(paths);
  const has = { weight: weights !== undefined, maxDataMemory: reading.form?.maxDataMemory };
  const builder = new TableBuilder(paths, columns, has);
  const labels: FileLabels[] = [];
  const counts: Map<string, number>[] = [];
  const hash = new TableHash();
  const files: StreamFile[] = [];
  let repeated = 0;
  const takeDown = (): void => {
    const { table, names } = builder;
    hash.add(table, names);
    repeated += keys.add(table);
    const [{ met }, counted] = [labels.at(-1)!, counts.at(-1)!];
    addCounts(counted, names, countClasses(table, names.length, false));
    for (const places of firstPlaces(table, names))
      for (const [label, place] of places ?? []) if (!met.has(label)) met.set(label, place);
    builder.clear();
  };
  const declared = await declaredBy(paths, columns);
  for (const [file, path] of paths.entries()) {
    const { size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0, mtimeMs: 0 };
    labels.push({ name: path, met: new Map(), ...declared[file] });
    counts.push(new Map());
    const records = await readInto(builder, path, file, { columns, weights, ...reading }, takeDown);
    files.push({ path, records, bytes: size, modifiedMs: mtimeMs });
  }
  refuseEmpty(samplesIn(files), paths);
  if (rowsColumn(columns))
    for (const file of labels) Object.assign(file, numbersMet(file.name, columns, builder.table));
  return { files, labels, counts, hash: hash.hex(undefined), repeated };
}

/** Adds the samples of each label in a table. */
export function addCounts(counts: Map<string, number>, names: readonly string[], inTable: readonly number[]): void {
  for (const [i, name] of names.entries()) counts.set(name, (counts.get(name) ?? 0) + inTable[i]!);
}

const samplesIn = (files: readonly StreamFile[]): number => files.reduce((sum, { records }) => sum + records, 0);

function refusePacked(files: readonly string[]): void {
  const packed = files.find(isStored);
  if (packed !== undefined)
    throw new DataError(`${packed} holds packed texts, which are not streamed; leave streaming out`);
}

export function streamPart({ files, hash, counts }: Pass, classes: Classes): OpenedPart {
  const samples = samplesIn(files);
  const paths = files.map(({ path }) => path);
  const classCounts = countsOf(counts, samples, classes);
  return { files: paths, samples, hash, classCounts, readings: classes.readings, source: { stream: files } };
}

/** The rows that a function gives, which are read on the main thread. */
export function rowsPart({ name, samples, hash, counts, labels }: RowsPass, classes: Classes): OpenedPart {
  const counted = new Map(Array.from(labels.met.keys(), (label, i) => [label, counts[i]!]));
  const classCounts = countsOf([counted], samples, classes);
  return { files: [name], samples, hash, classCounts, readings: classes.readings, source: { generated: true } };
}

function countsOf(
  counts: readonly ReadonlyMap<string, number>[],
  samples: number,
  { labels, readings }: Classes,
): number[] {
  const classCounts: number[] = labels.names.map(() => 0);
  if (readings.length === 0) return [samples];
  for (const [file, reading] of readings.entries()) {
    const reader = new LabelReader(reading);
    for (const [label, count] of counts[file]!) classCounts[reader.classOf(label)]! += count;
  }
  return classCounts;
}

/** A place in a sequence of files, with the file open there. */
interface Cursor {
  /** What sequence this is a place in. */
  key: string;
  /** Records before the place. */
  at: number;
  records: AsyncGenerator<{ raw: RawRecord; repeats: boolean | undefined; file: number; sample: number }>;
}

const buffers = new Map<number, TableBuilder>();
let cursor: Cursor | undefined;

/** @throws DataError with file and line, also where a file is no longer what it was */
export async function readBlock(request: BlockRequest): Promise<Block> {
  const { columns, weights, count, buffer, form } = request;
  const files = request.files.map(({ path }) => path);
  const has = { weight: weights !== undefined, maxDataMemory: form?.maxDataMemory };
  const builder = buffers.get(buffer) ?? new TableBuilder(files, columns, has);
  buffers.set(buffer, builder);
  builder.clear();
  const sample = new Uint32Array(count);
  const { key, records } = await cursorAt(request);
  cursor = undefined;
  while (builder.table.count < count) {
    const { value } = await records.next();
    if (!value) throw new Error(`the files end ${count - builder.table.count} records before the block does`);
    sample[builder.table.count] = value.sample;
    builder.add(toRecord(value.raw, files[value.file]!, columns, weights), value.file, value.repeats);
  }
  cursor = { key, at: request.from + count, records };
  const { table } = builder;
  if (request.readings.length > 0) applyLabels(table, builder.names, request.labels, request.readings);
  return { table, order: orderOf(request, table), sample };
}

async function cursorAt(request: BlockRequest): Promise<Cursor> {
  const key = JSON.stringify([request.files, request.sequence, request.columns, request.weights, request.form]);
  if (cursor?.key === key && cursor.at === request.from) return cursor;
  await cursor?.records.return(undefined);
  return { key, at: request.from, records: recordsFrom(request) };
}

// A stream of the generator: the blocks of an epoch are shuffled differently.
const blockStream = 0x6b10c;

function orderOf({ order, from, distinct, alike }: BlockRequest, table: Table): Uint32Array {
  const { count, length } = table;
  return epochOrder({
    ...order,
    seed: hash(order.seed, blockStream, from),
    count,
    lengths: length?.subarray(0, count),
    apart: textsApart(table, distinct),
    together: textsApart(table, alike)?.[0],
  });
}

/** The records of the sequence from place `from` on. */
async function* recordsFrom({ files, sequence, columns, weights, form, from }: BlockRequest): Cursor['records'] {
  const before = files.map(() => 0);
  for (let i = 1; i < files.length; i++) before[i] = before[i - 1]! + files[i - 1]!.records;
  let skip = from;
  for (const file of sequence) {
    const { path, records } = files[file]!;
    if (skip >= records) {
      skip -= records;
      continue;
    }
    refuseChanged(files[file]!);
    let number = skip;
    for await (const block of readBlocks(path, { skip, ...readOptions(columns, weights), form }))
      for (const raw of block) yield { raw, repeats: block.repeats, file, sample: before[file]! + number++ };
    if (number !== records) throw changed(path);
    skip = 0;
  }
}

function refuseChanged({ path, bytes, modifiedMs }: StreamFile): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new DataError(`data file ${path} is gone; streamed files must stay in place during the run`);
  if (found.size !== bytes || found.mtimeMs !== modifiedMs) throw changed(path);
}

const changed = (path: string): DataError =>
  new DataError(`data file ${path} has changed since the run began; streamed files must stay as they are`);

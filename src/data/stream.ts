// Reads blocks of records from files that are larger than memory, in the data thread. The place where the last block
// ended is kept open, since the next block mostly begins there; any other place is reached by skipping. A table is kept
// for each buffer number and filled again, so memory is bounded by the buffers in use.

import { statSync } from 'node:fs';
import { DataError } from '../errors.js';
import { hash } from '../random.js';
import { LabelSet } from './labels.js';
import type { Block, BlockRequest, StreamFile } from './protocol.js';
import { readBlocks } from './read/raw.js';
import { columnNames, toRecord } from './read/record.js';
import type { RawRecord } from './read/row.js';
import { epochOrder } from './sampler.js';
import { TableBuilder } from './table.js';

/** A place in a sequence of files, with the file open there. */
interface Cursor {
  /** What sequence this is a place in. */
  key: string;
  /** Records before the place. */
  at: number;
  records: AsyncGenerator<{ raw: RawRecord; file: number; sample: number }>;
}

const buffers = new Map<number, TableBuilder>();
let cursor: Cursor | undefined;

/** @throws DataError with file and line, also where a file is no longer what it was */
export async function readBlock(request: BlockRequest): Promise<Block> {
  const { files, columns, count, buffer } = request;
  const has = { pair: columns.pair !== undefined, weight: columns.weight !== undefined };
  const builder = buffers.get(buffer) ?? new TableBuilder([], has);
  buffers.set(buffer, builder);
  builder.clear();
  const sample = new Uint32Array(count);
  const { key, records } = await cursorAt(request);
  cursor = undefined;
  while (builder.table.count < count) {
    const { value } = await records.next();
    if (!value) throw new Error(`the files end ${count - builder.table.count} records before the block does`);
    sample[builder.table.count] = value.sample;
    builder.add(toRecord(value.raw, files[value.file]!.path, columns), value.file);
  }
  cursor = { key, at: request.from + count, records };
  const table = { ...builder.table, files: files.map(({ path }) => path) };
  new LabelSet(request.labels).apply(table, builder.names);
  return { table, order: orderOf(request, table.length.subarray(0, count)), sample };
}

async function cursorAt(request: BlockRequest): Promise<Cursor> {
  const key = JSON.stringify([request.files, request.sequence, request.columns]);
  if (cursor?.key === key && cursor.at === request.from) return cursor;
  await cursor?.records.return(undefined);
  return { key, at: request.from, records: recordsFrom(request) };
}

// A stream of the generator: the blocks of an epoch are shuffled differently.
const blockStream = 0x6b10c;

function orderOf({ order, from }: BlockRequest, lengths: Uint32Array): Uint32Array {
  return epochOrder({ ...order, seed: hash(order.seed, blockStream, from), lengths });
}

/** The records of the sequence from place `from` on. */
async function* recordsFrom({ files, sequence, columns, from }: BlockRequest): Cursor['records'] {
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
    for await (const block of readBlocks(path, { skip, columns: columnNames(columns) }))
      for (const raw of block) yield { raw, file, sample: before[file]! + number++ };
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

// Opens the data of a run, in the data thread: reads the files into tables (or passes over them once, where they are
// streamed), settles the classes, holds out evaluation data, and takes down hashes, counts and repeated texts.

import { statSync } from 'node:fs';
import { DataError } from '../errors.js';
import { RecordHash, TextKeys } from './digest.js';
import { LabelSet, labelsOfData } from './labels.js';
import { isStored, readPackedTexts } from './pack/read-texts.js';
import type { OpenedData, OpenedPart, OpenRequest, StreamFile } from './protocol.js';
import { openFiles } from './read/files.js';
import { readBlocks } from './read/raw.js';
import { type Columns, columnNames, toRecord } from './read/record.js';
import { stratifiedSplit } from './split.js';
import { subset, TableBuilder, type TextTable } from './table.js';

/** @throws UsageError for a pattern without a file; DataError, with file and line, for what cannot be trained on */
export async function openData(request: OpenRequest): Promise<OpenedData> {
  const { columns, evalSplit, seed } = request;
  const files = await openFiles(request.train);
  const keys = new TextKeys();
  if (request.streaming) refusePacked(files);
  const read = request.streaming ? await scan(files, columns, keys) : await readTable(files, columns);
  const labels = classesOf(request, read.names, files);
  const notes: string[] = [];

  let train: OpenedPart;
  let evaluation: OpenedPart | undefined;
  let repeated: number;
  if ('table' in read) {
    labels.apply(read.table, read.names);
    const parts = evalSplit === undefined ? undefined : split(read.table, labels, evalSplit, seed);
    train = partOf(parts?.train ?? read.table, labels);
    repeated = keys.add(tableOf(train));
    if (parts) evaluation = partOf(parts.eval, labels);
  } else {
    train = streamPart(read, labels);
    repeated = read.repeated;
  }
  if (repeated > 0) notes.push(`${repeated} of ${train.samples} training texts repeat an earlier one`);

  const labelled = async (patterns: readonly string[] | undefined): Promise<OpenedPart | undefined> => {
    if (!patterns) return undefined;
    const { table, names } = await readTable(await openFiles(patterns), { ...columns, weight: undefined });
    labels.apply(table, names);
    return partOf(table, labels);
  };
  evaluation ??= await labelled(request.eval);
  const test = await labelled(request.test);
  const shared = (part: OpenedPart | undefined, name: string): void => {
    const found = part ? keys.count(tableOf(part)) : 0;
    if (found > 0) notes.push(`${found} of ${part!.samples} ${name} texts are also in the training data`);
  };
  shared(evaluation, 'evaluation');
  shared(test, 'test');
  return { labels: labels.names, train, ...(evaluation && { eval: evaluation }), ...(test && { test }), notes };
}

/** As asked, else of the data; one without a name where no column holds labels. */
function classesOf({ labels, columns }: OpenRequest, names: readonly string[], files: readonly string[]): LabelSet {
  if (columns.label === undefined) return new LabelSet(['']);
  return labels ? new LabelSet(labels) : labelsOfData(names, files);
}

const tableOf = ({ source }: OpenedPart): TextTable => (source as { table: TextTable }).table;

/** Adds the records of a file to `builder` and gives their number; `taken` is called after every few of them. */
async function readInto(
  builder: TableBuilder,
  path: string,
  file: number,
  columns: Columns,
  taken?: () => void,
): Promise<number> {
  let records = 0;
  for await (const block of readBlocks(path, { columns: columnNames(columns) })) {
    for (const raw of block) builder.add(toRecord(raw, path, columns), file);
    records += block.length;
    taken?.();
  }
  return records;
}

const hasOf = (columns: Columns) => ({ pair: columns.pair !== undefined, weight: columns.weight !== undefined });

function refuseEmpty(records: number, files: readonly string[]): void {
  if (records > 0) return;
  throw new DataError(`data file ${files.join(', ')} ${files.length > 1 ? 'hold' : 'holds'} no records`);
}

function refusePacked(files: readonly string[]): void {
  const packed = files.find(isStored);
  if (packed !== undefined)
    throw new DataError(`${packed} holds packed texts, which are not streamed; leave streaming out`);
}

async function readTable(
  files: readonly string[],
  columns: Columns,
): Promise<{ table: TextTable; names: readonly string[] }> {
  if (files.some(isStored)) return readPackedTexts(files, columns);
  const builder = new TableBuilder(files, hasOf(columns));
  for (const [file, path] of files.entries()) await readInto(builder, path, file, columns);
  refuseEmpty(builder.table.count, files);
  return builder;
}

function partOf(table: TextTable, { names }: LabelSet): OpenedPart {
  const hash = new RecordHash();
  hash.add(table, names);
  const classCounts: number[] = names.map(() => 0);
  for (let i = 0; i < table.count; i++) classCounts[table.label[i]!]!++;
  return { files: table.files, samples: table.count, hash: hash.hex(), classCounts, source: { table } };
}

function split(table: TextTable, labels: LabelSet, share: number, seed: number): { train: TextTable; eval: TextTable } {
  const parts = stratifiedSplit(table.label, table.count, labels.size, share, seed);
  if (parts.eval.length === 0)
    throw new DataError(
      `evalSplit ${share} of ${table.count} samples (${table.files.join(', ')}) holds out none of any class; raise it`,
    );
  return { train: subset(table, parts.train), eval: { ...subset(table, parts.eval), weight: undefined } };
}

interface Scanned {
  files: readonly StreamFile[];
  names: readonly string[];
  counts: readonly number[];
  hash: string;
  repeated: number;
}

/** The pass over files that are streamed later: what a table would tell, with one block of it in memory at a time. */
async function scan(paths: readonly string[], columns: Columns, keys: TextKeys): Promise<Scanned> {
  const builder = new TableBuilder(paths, hasOf(columns));
  const counts = new Map<string, number>();
  const hash = new RecordHash();
  const files: StreamFile[] = [];
  let repeated = 0;
  const takeDown = (): void => {
    const { table, names } = builder;
    hash.add(table, names);
    repeated += keys.add(table);
    const inTable = new Uint32Array(names.length);
    for (let i = 0; i < table.count; i++) inTable[table.label[i]!]!++;
    for (const [i, name] of names.entries()) counts.set(name, (counts.get(name) ?? 0) + inTable[i]!);
    builder.clear();
  };
  for (const [file, path] of paths.entries()) {
    const { size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0, mtimeMs: 0 };
    const records = await readInto(builder, path, file, columns, takeDown);
    files.push({ path, records, bytes: size, modifiedMs: mtimeMs });
  }
  refuseEmpty(
    files.reduce((sum, { records }) => sum + records, 0),
    paths,
  );
  return { files, names: [...counts.keys()], counts: [...counts.values()], hash: hash.hex(), repeated };
}

function streamPart({ files, names, counts, hash }: Scanned, labels: LabelSet): OpenedPart {
  const classCounts: number[] = labels.names.map(() => 0);
  for (const [i, name] of names.entries()) classCounts[labels.id(name)!]! += counts[i]!;
  const samples = files.reduce((sum, { records }) => sum + records, 0);
  return { files: files.map(({ path }) => path), samples, hash, classCounts, source: { stream: files } };
}

// Text records from JSONL and CSV files, in memory, each with its line for messages. Files are streamed and parsed in
// small pieces, so the event loop stays free. What a label means is for labels.ts.

import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { DataError, UsageError } from '../errors.js';
import { Pace } from './pace.js';

/** Names of the columns (CSV) or keys (JSONL) to read. */
export interface Columns {
  text: string;
  /** Second text of a pair. */
  pair?: string | undefined;
  /** Left out for prediction. */
  label?: string | undefined;
}

export interface TextRecord {
  text: string;
  pair?: string;
  label?: string;
  /** Line where the record starts, from 1. */
  line: number;
}

export interface TextDataset {
  file: string;
  records: TextRecord[];
}

export interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Stop after this many records. */
  limit?: number | undefined;
}

type Row = Record<string, unknown>;
interface RawRecord {
  row: Row;
  line: number;
}

const formats: Record<string, (file: string, signal?: AbortSignal) => AsyncGenerator<RawRecord>> = {
  '.jsonl': jsonLines,
  '.ndjson': jsonLines,
  '.csv': (file, signal) => separated(file, ',', signal),
  '.tsv': (file, signal) => separated(file, '\t', signal),
};

/**
 * Reads a .jsonl, .ndjson, .csv or .tsv file (UTF-8, CSV with a header line) into memory.
 * Labels that are numbers or booleans become their text.
 * @throws UsageError for another file name; DataError, with file and line, for an unreadable file, a broken line,
 *   a missing column or value, and a file without records.
 */
export async function readRecords(file: string, columns: Columns, options: ReadOptions = {}): Promise<TextDataset> {
  const format = formats[extname(file).toLowerCase()];
  if (!format) {
    const known = Object.keys(formats).join(', ');
    throw new UsageError(`data file ${file}: unknown format '${extname(file)}'; ortune reads ${known}`);
  }
  const { signal, limit = Number.POSITIVE_INFINITY } = options;
  const records: TextRecord[] = [];
  const pace = new Pace();
  for await (const raw of format(file, signal)) {
    if (records.length >= limit) break;
    records.push(toRecord(raw, file, columns));
    if (pace.due) await pace.rest();
    signal?.throwIfAborted();
  }
  if (records.length === 0) throw new DataError(`data file ${file} holds no records`);
  return { file, records };
}

function toRecord({ row, line }: RawRecord, file: string, columns: Columns): TextRecord {
  const field = (column: string): unknown => {
    if (Object.hasOwn(row, column)) return row[column];
    const found = Object.keys(row).map((name) => `'${name}'`);
    throw new DataError(`${file}:${line}: no column '${column}'; found ${found.join(', ') || 'none'}`);
  };
  const textOf = (column: string): string => {
    const value = field(column);
    if (typeof value === 'string') return value;
    throw new DataError(`${file}:${line}: column '${column}' must be a text, found ${describe(value)}`);
  };
  const record: TextRecord = { text: textOf(columns.text), line };
  if (columns.pair !== undefined) record.pair = textOf(columns.pair);
  if (columns.label !== undefined) {
    const value = field(columns.label);
    const usable = typeof value === 'string' ? value !== '' : typeof value === 'number' || typeof value === 'boolean';
    if (!usable)
      throw new DataError(
        `${file}:${line}: column '${columns.label}' must hold a label (text, number or boolean), found ${describe(value)}`,
      );
    record.label = String(value);
  }
  return record;
}

const describe = (value: unknown): string =>
  value === ''
    ? 'nothing'
    : value === null
      ? 'null'
      : Array.isArray(value)
        ? 'a list'
        : `a value of type ${typeof value}`;

// Small, since the CSV parser works through a whole piece in one go.
const pieceBytes = 16 * 1024;

/** The file as pieces of text; bytes that are not UTF-8 are an error with the line reached. */
async function* pieces(file: string, signal?: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  const decode = (bytes?: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      throw new DataError(
        `data file ${file}, line ${line} or the 16 KiB after it: the bytes are not UTF-8; convert the file to UTF-8`,
      );
    }
  };
  try {
    for await (const bytes of createReadStream(file, { signal, highWaterMark: pieceBytes })) {
      const text = decode(bytes);
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++;
      yield text;
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DataError) throw error;
    throw new DataError(`data file ${file} cannot be read: ${(error as Error).message}`);
  }
  yield decode();
}

async function* jsonLines(file: string, signal?: AbortSignal): AsyncGenerator<RawRecord> {
  let rest = '';
  let line = 0;
  for await (const piece of pieces(file, signal)) {
    const lines = piece.split('\n');
    lines[0] = rest + lines[0];
    rest = lines.pop()!;
    for (const text of lines) {
      line++;
      if (text.trim()) yield { row: parseLine(text, file, line), line };
    }
  }
  if (rest.trim()) yield { row: parseLine(rest, file, line + 1), line: line + 1 };
}

function parseLine(text: string, file: string, line: number): Row {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    throw new DataError(`${file}:${line}: not a JSON value: ${(error as Error).message}`);
  }
  if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row as Row;
  throw new DataError(`${file}:${line}: each line must be a JSON object, found ${describe(row)}`);
}

async function* separated(file: string, delimiter: string, signal?: AbortSignal): AsyncGenerator<RawRecord> {
  const parser = parse({ delimiter, bom: true, info: true, skip_empty_lines: true });
  // Errors of either side arrive at the loop below; the callback keeps them from being thrown a second time.
  pipeline(Readable.from(pieces(file, signal)), parser, () => {});
  let header: string[] | undefined;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (!header) {
        header = headerOf(record, file);
        continue;
      }
      const row: Row = {};
      let breaks = 0;
      for (const [i, name] of header.entries()) {
        const value = record[i]!;
        row[name] = value;
        for (let at = value.indexOf('\n'); at >= 0; at = value.indexOf('\n', at + 1)) breaks++;
      }
      yield { row, line: info.lines - breaks };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new DataError(`${file}:${error.lines ?? '?'}: broken CSV record: ${error.message}`);
  }
}

function headerOf(names: string[], file: string): string[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new DataError(`${file}:1: the header names column '${twice}' twice; rename one`);
  return names;
}

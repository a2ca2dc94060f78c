// A row of a data file, whatever the format: what a reader takes and gives, and how messages name what does not fit.

import { DataError } from '../../errors.js';

export type Row = Record<string, unknown>;

export interface RawRecord {
  row: Row;
  /** Line where the record begins, from 1; Parquet: number of the row, from 1; rows in memory: from 0. */
  line: number;
}

/** What the number of a record counts: lines from 1, or rows in memory and of tensors from 0. */
export type RecordUnit = 'line' | 'row';

/** Where a record is, for messages: 'file:17', 'train:row 17'. */
export const placeOf = (file: string, number: number, unit: RecordUnit = 'line'): string =>
  `${file}:${unit === 'row' ? 'row ' : ''}${number}`;

export interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Leaves out this many records at the beginning, without parsing them where the format allows it; default 0. */
  skip?: number | undefined;
  /**
   * The columns wanted; others may be missing in the rows. CSV and Parquet files without one of them are refused
   * before the first record. Default: all.
   */
  columns?: readonly string[] | undefined;
  /**
   * A Parquet column that may hold bytes, plain or as field `bytes` of a struct; given as Uint8Array, null for none.
   */
  binary?: string | undefined;
}

/** The error for a column that `place` (file, or file:line) does not have. */
export function missingColumn(place: string, column: string, found: readonly string[]): DataError {
  const names = found.map((name) => `'${name}'`).join(', ') || 'none';
  return new DataError(`${place}: no column '${column}'; found ${names}`);
}

/** What a value is, for messages. */
export function describe(value: unknown): string {
  if (value === '') return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return `the number ${value}`;
  return `a value of type ${typeof value}`;
}

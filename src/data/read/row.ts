// A row of a data file, whatever the format: what a reader takes and gives, and how messages name what does not fit.

import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import type { ReadForm } from './form.js';

export type Row = Record<string, unknown>;

export interface RawRecord {
  row: Row;
  /** Line where the record begins, from 1; Parquet: number of the row, from 1; rows in memory: from 0. */
  line: number;
}

/** Records read together. */
export type RawBlock = RawRecord[] & {
  /** Rows are likely to share their texts: the same strings, out of a dictionary. */
  repeats?: boolean;
};

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
  /** Parquet columns that may be structs of what columns may be, or lists of such; given as objects. */
  structs?: readonly string[] | undefined;
  /** A .txt is a CoNLL file. */
  sentences?: boolean | undefined;
  form?: ReadForm | undefined;
  /** Told what was assumed of the file, and what was passed over. */
  note?: ((text: string) => void) | undefined;
}

/** A column is not there. */
export class MissingColumn extends DataError {
  readonly column: string;
  readonly found: readonly string[];

  constructor(message: string, column: string, found: readonly string[]) {
    super(message);
    this.column = column;
    this.found = found;
  }
}

/** The error for a column that `place` (file, or file:line) does not have. */
export function missingColumn(place: string, column: string, found: readonly string[], hint = ''): MissingColumn {
  const names =
    found
      .slice(0, mostNames)
      .map((name) => quote(name, 50))
      .join(', ') || 'none';
  const more = found.length > mostNames ? ` and ${found.length - mostNames} more` : '';
  return new MissingColumn(`${place}: no column ${quote(column)}; found ${names}${more}${hint}`, column, found);
}

/** Names of columns that a message lists. */
const mostNames = 20;

/**
 * Where a column is among those there are; names are the same whether their accents are letters of their own or not
 * (Unicode's NFC). @throws DataError where several are
 */
export function columnAt(names: readonly string[], name: string, place: string): number | undefined {
  const wanted = name.normalize('NFC');
  const same = (one: string): boolean => one === name || one.normalize('NFC') === wanted;
  const column = names.findIndex(same);
  if (column < 0) return undefined;
  const other = names.findIndex((one, i) => i > column && same(one));
  if (other < 0) return column;
  if (names[column] === names[other])
    throw new DataError(`${place}: the header names column ${quote(name)} twice; rename one`);
  throw new DataError(
    `${place}: two columns are called ${quote(name)}, in different Unicode forms (NFC, NFD); rename one`,
  );
}

/** What a value is, for messages. */
export function describe(value: unknown): string {
  if (value === '') return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return `the number ${value}`;
  return `a value of type ${typeof value}`;
}

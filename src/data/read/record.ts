// A row of a data file as the text record that training reads: which columns, and what they may hold. What a label
// means is for labels.ts.

import { DataError } from '../../errors.js';
import { describe, missingColumn, type RawRecord } from './row.js';

/** Names of the columns (CSV, Parquet) or keys (JSONL) to read. */
export interface Columns {
  text: string;
  /** Second text of a pair. */
  pair?: string | undefined;
  /** Left out for prediction. */
  label?: string | undefined;
  /** The record's weight in the loss, or in sampling. */
  weight?: string | undefined;
}

export interface TextRecord {
  text: string;
  pair?: string;
  /** Numbers and booleans are their text: '3', 'true'. */
  label?: string;
  /** Finite, 0 or greater. */
  weight?: number;
  /** Line where the record begins, or number of the Parquet row; from 1. */
  line: number;
}

/** The columns to ask `readRaw` for. */
export function columnNames({ text, pair, label, weight }: Columns): string[] {
  return [...new Set([text, pair, label, weight].filter((name) => name !== undefined))];
}

/**
 * Takes the columns out of a row.
 * @throws DataError, with file and line, for a missing column, a text that is not one, an empty label, and a weight
 *   that is not a finite number of at least 0 (CSV: its text).
 */
export function toRecord({ row, line }: RawRecord, file: string, columns: Columns): TextRecord {
  const place = `${file}:${line}`;
  const record: TextRecord = { text: textOf(row, columns.text, place), line };
  if (columns.pair !== undefined) record.pair = textOf(row, columns.pair, place);
  if (columns.label !== undefined) record.label = labelOf(row, columns.label, place);
  if (columns.weight !== undefined) record.weight = weightOf(row, columns.weight, place);
  return record;
}

/** @throws DataError for a missing column */
export function fieldOf(row: RawRecord['row'], column: string, place: string): unknown {
  if (Object.hasOwn(row, column)) return row[column];
  throw missingColumn(place, column, Object.keys(row));
}

function textOf(row: RawRecord['row'], column: string, place: string): string {
  const value = fieldOf(row, column, place);
  if (typeof value === 'string') return value;
  throw new DataError(`${place}: column '${column}' must be a text, found ${describe(value)}`);
}

function labelOf(row: RawRecord['row'], column: string, place: string): string {
  const value = fieldOf(row, column, place);
  const usable =
    typeof value === 'string'
      ? value !== ''
      : typeof value === 'boolean' || typeof value === 'bigint' || Number.isFinite(value);
  if (usable) return String(value);
  throw new DataError(
    `${place}: column '${column}' must hold a label (text, number or boolean), found ${describe(value)}`,
  );
}

/** @throws DataError for what is no finite number of at least 0 (CSV: its text) */
export function weightOf(row: RawRecord['row'], column: string, place: string): number {
  const value = fieldOf(row, column, place);
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  const weight = isNumber || (typeof value === 'string' && value.trim() !== '') ? Number(value) : Number.NaN;
  if (Number.isFinite(weight) && weight >= 0) return weight;
  const found = typeof value === 'string' && value !== '' ? `'${value}'` : describe(value);
  throw new DataError(
    `${place}: column '${column}' must hold a weight (a finite number, 0 or greater), found ${found}`,
  );
}

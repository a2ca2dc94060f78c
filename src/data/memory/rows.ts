// Rows that a host program has as objects: an array or another iterable is read once into a table, on the main thread,
// a few rows at a time, so that events and timers are not kept waiting. The table lies in shared memory, which the data
// thread sees without a copy; nothing is cloned. Records are read by the code that reads those of files.

import { types } from 'node:util';
import { DataError, UsageError } from '../../errors.js';
import { quote } from '../../quote.js';
import { TimeSlice } from '../../threads/time-slice.js';
import type { ColumnSpec } from '../columns.js';
import { orAborted } from '../data-client.js';
import type { ReadTable } from '../found.js';
import { columnNames, type TableRecord, toRecord } from '../read/record.js';
import { describe, placeOf, type Row } from '../read/row.js';
import { TableBuilder } from '../table-builder.js';

/**
 * Samples as objects, each as a line of a JSONL file would be: `{ text: 'win cash', label: 'spam' }`,
 * `{ tokens: ['Anna', 'left'], tags: ['PER', 'O'] }`, `{ x: [0.5, 1], y: 1 }`. In place of a list of numbers there may
 * be a typed array.
 */
export type DataRows = Iterable<object> | AsyncIterable<object>;

/** What rows are read for. */
export interface RowsRead {
  /** The option that they were given as, for messages. */
  name: string;
  columns: readonly ColumnSpec[];
  /** Column with the samples' weights. */
  weights: string | undefined;
}

/** Rows taken and converted at a time. */
export const pieceRows = 64;

const noIterator = (value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  ![Symbol.iterator, Symbol.asyncIterator].some((key) => typeof value[key as keyof typeof value] === 'function');

/** Takes rows out of an iterable one after the other. Close it after use. */
export class RowReader {
  readonly #name: string;
  readonly #of: string;
  readonly #signal: AbortSignal | undefined;
  readonly #slice = new TimeSlice();
  #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  #isAsync: boolean;
  #ended = false;
  /** Rows taken so far. */
  taken = 0;

  /**
   * @param name the option that the rows were given as
   * @param of what is said behind it in messages, such as ', epoch 2'
   * @throws UsageError for what is no iterable
   */
  constructor(rows: DataRows, name: string, of = '', signal?: AbortSignal) {
    if (noIterator(rows))
      throw new UsageError(`${name}${of}: expected an iterable of objects, found ${describe(rows)}`);
    this.#name = name;
    this.#of = of;
    this.#signal = signal;
    this.#isAsync = Symbol.asyncIterator in rows;
    this.#iterator = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
  }

  /**
   * The next rows, up to `most`; fewer only at the end. Gives way to the event loop now and then.
   * @throws DataError for what is no object, and where the iterable throws; the signal's reason
   */
  async take(most: number): Promise<Row[]> {
    const rows: Row[] = [];
    while (rows.length < most && !this.#ended) {
      const next = this.#next();
      const { done, value } = types.isPromise(next) ? await next : next;
      if (this.#slice.due) await this.#slice.rest();
      this.#signal?.throwIfAborted();
      if (done) {
        this.#ended = true;
        break;
      }
      refuseNoObject(value, this.#name, this.taken);
      rows.push(value as Row);
      this.taken++;
    }
    return rows;
  }

  #next(): IteratorResult<unknown> | Promise<IteratorResult<unknown>> {
    try {
      const next = this.#iterator.next();
      if (!this.#isAsync) return next;
      const pending = Promise.resolve(next).catch((error: unknown) => this.#fail(error));
      return orAborted(pending, this.#signal);
    } catch (error) {
      return this.#fail(error);
    }
  }

  #fail(cause: unknown): never {
    this.#ended = true;
    throw failed(`${this.#name}${this.#of}`, `after ${this.taken} rows`, cause);
  }

  /** Tells an iterable that has not ended that no more of it is wanted; of an abort the end is not waited for. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const closing = Promise.resolve(this.#iterator.return?.()).catch(() => {});
    if (!this.#signal?.aborted) await closing;
  }
}

/** @throws DataError for a row that is no object */
export function refuseNoObject(value: unknown, name: string, number: number): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new DataError(
    `${placeOf(name, number, 'row')}: a row must be an object with the columns as keys, found ${describe(value)}`,
  );
}

/** The error for a host program's own one. */
export function failed(what: string, when: string, cause: unknown): DataError {
  const message = types.isNativeError(cause) ? cause.message : String(cause);
  return new DataError(`${what}: the function or iterable that gives the rows failed ${when}: ${message}`, { cause });
}

/**
 * Adds rows to `builder`.
 * @param first number of the first
 * @throws DataError, with its place, for a row that cannot be used
 */
export function addRows(builder: TableBuilder, rows: readonly Row[], first: number, read: RowsRead): void {
  const record = recordsOf(read);
  for (const [i, row] of rows.entries()) builder.add(record(row, first + i), 0);
}

/** Reads a row of a number as a record. @throws DataError, with its place, for a row that cannot be used */
export function recordsOf({ name, columns, weights }: RowsRead): (row: Row, number: number) => TableRecord {
  const wanted = columnNames(columns, weights);
  return (row, number) => toRecord({ row: plainRow(row, wanted), line: number }, name, columns, weights, 'row');
}

/** The builder of a table of rows. */
export function rowsBuilder({ name, columns, weights }: RowsRead): TableBuilder {
  const kind = columns.find((column) => column.kind === 'picture');
  if (kind)
    throw new UsageError(
      `${name}: a function's rows, and rows by number, hold no pictures, which are read as ${quote(kind.name)}; ` +
        'give a list or an iterable of rows, or { images: … } or { pixels: …, shape: … }',
    );
  return new TableBuilder([name], columns, { weight: weights !== undefined, unit: 'row' });
}

/**
 * All rows as a table.
 * @throws UsageError, DataError with its place; the signal's reason
 */
export async function readRows(rows: DataRows, read: RowsRead, signal?: AbortSignal): Promise<ReadTable> {
  const builder = rowsBuilder(read);
  const reader = new RowReader(rows, read.name, '', signal);
  try {
    for (;;) {
      const { taken } = reader;
      const piece = await reader.take(pieceRows);
      if (piece.length === 0) break;
      addRows(builder, piece, taken, read);
    }
  } finally {
    await reader.close();
  }
  if (builder.table.count === 0) throw new DataError(`${read.name} holds no rows`);
  return { table: builder.table, names: builder.names };
}

/** The row with lists in place of typed arrays. */
function plainRow(row: Row, names: readonly string[]): Row {
  let plain: Row | undefined;
  for (const name of names) {
    const value = row[name];
    if (typeof value !== 'object' || value === null || plainList(value) === value) continue;
    plain ??= { ...row };
    plain[name] = plainList(value);
  }
  return plain ?? row;
}

function plainList(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  const nested = Array.isArray(value) && (Array.isArray(value[0]) || ArrayBuffer.isView(value[0]));
  return nested ? value.map(plainList) : value;
}

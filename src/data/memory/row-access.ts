// Rows that a host program gives by their numbers: a data set of its own, larger than memory or behind a database,
// whose rows are asked for a batch at a time, in the order that the library draws. A first pass over all of them keeps
// what orders, classes and the held out part are made of (labels, weights, lengths of texts), in a table without the
// texts and tensors; so an epoch has the batches that an array of the same rows would give.

import { createHash } from 'node:crypto';
import { kindOfValue } from '../../arguments.js';
import { DataError, UsageError } from '../../errors.js';
import { TimeSlice } from '../../threads/time-slice.js';
import { rowsColumn } from '../columns.js';
import { orAborted } from '../data-client.js';
import { TableHash } from '../digest.js';
import type { ReadTable } from '../found.js';
import type { TableRecord } from '../read/record.js';
import type { Row } from '../read/row.js';
import { shared } from '../shared-arrays.js';
import type { Table } from '../table.js';
import { TableBuilder } from '../table-builder.js';
import { failed, pieceRows, type RowsRead, recordsOf, refuseNoObject, rowsBuilder } from './rows.js';

/**
 * Rows by their numbers, from 0 to `length` - 1. The same number has to give the same row whenever it is asked for,
 * also in another process that resumes the run. Rows of a batch are asked for at once, so promises may be answered
 * together.
 */
export interface RowAccess {
  readonly length: number;
  get(index: number): object | Promise<object>;
}

/** What the first pass needs to know beside the columns. */
interface FactsWanted extends RowsRead {
  /** Roles of texts that samples of one batch are not to have in common. */
  distinct?: readonly string[] | undefined;
}

export const isRowAccess = (value: unknown): value is RowAccess =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  typeof (value as Partial<RowAccess>).get === 'function' &&
  'length' in value;

export class AskedRows {
  readonly #rows: RowAccess;
  readonly #read: FactsWanted;
  readonly #count: number;

  /** @throws UsageError for a length that is none */
  constructor(rows: RowAccess, read: FactsWanted) {
    const { length } = rows;
    if (!Number.isInteger(length) || length < 0)
      throw new UsageError(
        `${read.name}: 'length' must be the number of rows that get(i) gives, found ${kindOfValue(length)}`,
      );
    this.#rows = rows;
    this.#read = read;
    this.#count = length;
  }

  /** Passes over all rows. @throws UsageError, DataError with its place; the signal's reason */
  async pass(signal?: AbortSignal): Promise<ReadTable> {
    const { name, columns, weights, distinct = [] } = this.#read;
    if (this.#count === 0) throw new DataError(`${name} holds no rows`);
    const whole = rowsBuilder(this.#read);
    const label = rowsColumn(columns);
    const apart = columns.filter(({ role }) => distinct.includes(role));
    const kept = columns.filter((column) => column === label || ['class', 'classes'].includes(column.kind));
    const facts = new TableBuilder([name], [...kept, ...apart], { weight: weights !== undefined, unit: 'row' });
    const lengths = whole.table.length && shared.uint32(this.#count);
    const hash = new TableHash();
    const record = recordsOf(this.#read);
    for (let first = 0; first < this.#count; first += pieceRows) {
      const numbers = Uint32Array.from({ length: Math.min(pieceRows, this.#count - first) }, (_, i) => first + i);
      whole.clear();
      for (const [i, row] of (await this.#ask(numbers, signal)).entries()) {
        const read = record(row, first + i);
        whole.add(read, 0);
        facts.add({ ...read, values: keyed(read.values, distinct) }, 0);
        if (lengths) lengths[first + i] = whole.table.length![i]!;
      }
      hash.add(whole.table, whole.names);
    }
    return { table: { ...facts.table, length: lengths }, names: facts.names, asked: hash.hex(undefined) };
  }

  /** The rows of these numbers, in this order. @throws DataError with its place; the signal's reason */
  async batch(numbers: Uint32Array, signal?: AbortSignal): Promise<{ table: Table; names: readonly string[] }> {
    const builder = rowsBuilder(this.#read);
    const record = recordsOf(this.#read);
    const rows = await this.#ask(numbers, signal);
    for (const [i, row] of rows.entries()) builder.add(record(row, numbers[i]!), 0);
    return { table: builder.table, names: builder.names };
  }

  async #ask(numbers: Uint32Array, signal: AbortSignal | undefined): Promise<Row[]> {
    const { name } = this.#read;
    if (this.#rows.length !== this.#count)
      throw new DataError(
        `${name}: 'length' was ${this.#count} when the data was opened and is ${this.#rows.length} now`,
      );
    const slice = new TimeSlice();
    const asked: Promise<object>[] = [];
    for (const number of numbers) {
      const row = this.#get(number);
      row.catch(() => {}); // reported when its turn comes
      asked.push(row);
      if (slice.due) await slice.rest();
      signal?.throwIfAborted();
    }
    const rows = await orAborted(Promise.all(asked), signal);
    for (const [i, row] of rows.entries()) refuseNoObject(row, name, numbers[i]!);
    return rows as Row[];
  }

  async #get(number: number): Promise<object> {
    try {
      return await this.#rows.get(number);
    } catch (error) {
      throw failed(`${this.#read.name}:row ${number}`, 'when it was asked for', error);
    }
  }
}

/** The values with a short key in place of each of the texts: equal where the texts are. */
function keyed(values: TableRecord['values'], roles: readonly string[]): TableRecord['values'] {
  if (roles.length === 0) return values;
  const key = (text: unknown): string => createHash('sha256').update(String(text)).digest('base64').slice(0, 11);
  return { ...values, ...Object.fromEntries(roles.map((role) => [role, key(values[role])])) };
}

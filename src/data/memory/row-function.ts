// Training data that a host program's function gives anew for each epoch: never in memory as a whole, and in the order
// in which the function gives it. A pass over epoch 0 gives the number of rows, the classes, and the hash by
// which a resumed run is known; every later epoch must have as many rows. Batches are built on the main thread, where
// the function runs.

import { DataError } from '../../errors.js';
import { rowsColumn } from '../columns.js';
import { orAborted } from '../data-client.js';
import { TableHash } from '../digest.js';
import { firstPlaces, numbersMet } from '../found.js';
import { countClasses } from '../labels.js';
import type { RowsPass } from '../protocol.js';
import { addCounts } from '../stream.js';
import type { Table } from '../table.js';
import { addRows, type DataRows, failed, pieceRows, RowReader, type RowsRead, rowsBuilder } from './rows.js';

/**
 * Gives the rows of an epoch, counted from 0, in the order of training. It may be called more than once for an epoch,
 * also by another process that resumes the run, and has to give the same rows then; all epochs have as many.
 */
export type EpochRows = (epoch: number) => DataRows | Promise<DataRows>;

/** A batch's rows, in a table that is filled again for the next. */
export interface RowBatch {
  index: number;
  /** Number of the first row in its epoch. */
  first: number;
  table: Table;
  /** What the table's classes count in. */
  names: readonly string[];
}

export class RowFunction {
  readonly #rows: EpochRows;
  readonly #read: RowsRead;

  constructor(rows: EpochRows, read: RowsRead) {
    this.#rows = rows;
    this.#read = read;
  }

  /** Passes over epoch 0. @throws UsageError, DataError with its place; the signal's reason */
  async pass(signal?: AbortSignal): Promise<RowsPass> {
    const { name } = this.#read;
    const builder = rowsBuilder(this.#read);
    const counts = new Map<string, number>();
    const met = new Map<string, string>();
    const hash = new TableHash();
    const reader = await this.#open(0, signal);
    try {
      for (;;) {
        const { taken } = reader;
        const piece = await reader.take(pieceRows);
        if (piece.length === 0) break;
        builder.clear();
        addRows(builder, piece, taken, this.#read);
        const { table, names } = builder;
        hash.add(table, names);
        addCounts(counts, names, countClasses(table, names.length, false));
        const [places = []] = firstPlaces(table, names);
        for (const [label, place] of places) if (!met.has(label)) met.set(label, place);
      }
    } finally {
      await reader.close();
    }
    if (reader.taken === 0) throw new DataError(`${name}, epoch 0: the function gave no rows`);
    const { columns } = this.#read;
    const labels = rowsColumn(columns) ? numbersMet(name, columns, builder.table) : { name, met };
    const found = { labels, counts: Array.from(labels.met.keys(), (label) => counts.get(label)!) };
    return { name, samples: reader.taken, ...found, hash: hash.hex(undefined) };
  }

  /**
   * The batches of an epoch, in order, from batch `from` on, whose rows before it are passed over.
   * @param options.samples rows that there have to be
   * @throws DataError with its place, or where there are fewer or more rows; the signal's reason
   */
  async *batches(
    epoch: number,
    { batchSize, samples, from, count, signal }: RowBatches,
  ): AsyncGenerator<RowBatch, void, void> {
    const builder = rowsBuilder(this.#read);
    const reader = await this.#open(epoch, signal);
    const pass = async (rows: number): Promise<void> => {
      while (reader.taken < rows)
        if ((await reader.take(Math.min(pieceRows, rows - reader.taken))).length === 0)
          throw this.#miscounted(epoch, samples, `ended after ${reader.taken}`);
    };
    try {
      await pass(from * batchSize);
      for (let index = from; index < count; index++) {
        const first = index * batchSize;
        const last = Math.min(first + batchSize, samples);
        builder.clear();
        while (reader.taken < last) {
          const { taken } = reader;
          const piece = await reader.take(Math.min(pieceRows, last - taken));
          if (piece.length === 0) throw this.#miscounted(epoch, samples, `ended after ${taken}`);
          addRows(builder, piece, taken, this.#read);
        }
        if (index === count - 1) {
          // Before the last batch is used: an epoch that is no good is not taken for a whole one.
          await pass(samples);
          if ((await reader.take(1)).length > 0) throw this.#miscounted(epoch, samples, 'goes on behind them');
        }
        yield { index, first, table: builder.table, names: builder.names };
      }
    } finally {
      await reader.close();
    }
  }

  async #open(epoch: number, signal: AbortSignal | undefined): Promise<RowReader> {
    const { name } = this.#read;
    let rows: DataRows;
    try {
      rows = await orAborted(Promise.resolve(this.#rows(epoch)), signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw failed(`${name}, epoch ${epoch}`, 'before its first row', error);
    }
    return new RowReader(rows, name, `, epoch ${epoch}`, signal);
  }

  #miscounted(epoch: number, samples: number, found: string): DataError {
    return new DataError(
      `${this.#read.name}, epoch ${epoch} (from 0): the first pass found ${samples} rows, this one ${found}; ` +
        'the function must give as many in every epoch',
    );
  }
}

interface RowBatches {
  batchSize: number;
  samples: number;
  from: number;
  /** Batches of the epoch. */
  count: number;
  signal?: AbortSignal | undefined;
}

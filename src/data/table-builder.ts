// A table that is filled record by record. It can be cleared and filled again, which is how streamed blocks use it.

import { DataError } from '../errors.js';
import { formatBytes } from '../format.js';
import { quote } from '../quote.js';
import { ClassNames, type ColumnBuilder, columnBuilder, TextStore } from './column-builders.js';
import { type ColumnSlice, type ColumnSpec, rowsColumn } from './columns.js';
import { dataMemory, overBudget } from './data-memory.js';
import { fieldKind, type TableRecord } from './read/record.js';
import { placeOf, type RecordUnit } from './read/row.js';
import { shared, withRoom } from './shared-arrays.js';
import type { Lines, Table } from './table.js';

const leastCapacity = 1024;

export class TableBuilder {
  readonly table: Table & { origin: { lines: Lines } };
  readonly #columns: readonly { role: string; builder: ColumnBuilder }[];
  readonly #store = new TextStore();
  readonly #names = new ClassNames();
  readonly #pairs: readonly Ragged[];
  readonly #parts: readonly string[] | undefined;
  /** Most bytes, and how many records there are between two looks at them. */
  readonly #most: number;
  readonly #lookEvery: number;

  /**
   * @param has whether the records have weights, what their numbers count (default lines), and the most memory that
   *   they may take
   */
  constructor(
    files: readonly string[],
    columns: readonly ColumnSpec[],
    has: { weight: boolean; unit?: RecordUnit | undefined; maxDataMemory?: number | undefined },
  ) {
    this.#most = dataMemory(has.maxDataMemory);
    this.#lookEvery = columns.every(({ kind }) => kind === 'text' || kind === 'class') ? 1024 : 16;
    const having = { store: this.#store, names: this.#names };
    this.#columns = columns.map(({ role, kind, name }) => ({
      role,
      builder: columnBuilder(fieldKind(kind), { ...having, name }),
    }));
    this.#pairs = raggedPairs(columns);
    this.#parts = rowsColumn(columns)?.parts;
    const [file, line] = [shared.uint32(leastCapacity), shared.uint32(leastCapacity)];
    this.table = {
      count: 0,
      columns: Object.fromEntries(this.#columns.map(({ role, builder }) => [role, builder.column])),
      weight: has.weight ? shared.float32(leastCapacity) : undefined,
      length: columns.some(({ kind }) => kind === 'text' || kind === 'texts')
        ? shared.uint32(leastCapacity)
        : undefined,
      origin: { files, lines: { file, line, unit: has.unit ?? 'line' } },
    };
  }

  /** The labels met so far; classes count in them. Of numbers in place of labels, the columns that hold them. */
  get names(): readonly string[] {
    return this.#parts ?? this.#names.names;
  }

  /**
   * Adds a record of file number `file`; `repeats`: others are likely to have the same texts. @throws DataError, with
   * its place, for values unlike those before or beside them, and where all are more than the memory they may take
   */
  add({ values, weight = 1, line }: TableRecord, file: number, repeats = false): void {
    const { table } = this;
    const i = table.count;
    const { lines } = table.origin;
    if (i === lines.file.length) this.#grow(i + 1);
    const place = placeOf(table.origin.files[file]!, line, lines.unit);
    for (const [texts, classes] of this.#pairs) refuseUneven(values, texts, classes, place);
    let length = 0;
    for (const { role, builder } of this.#columns) length += builder.add(values[role]!, place, repeats);
    if (table.length) table.length[i] = length;
    if (table.weight) table.weight[i] = weight;
    lines.file[i] = file;
    lines.line[i] = line;
    table.count++;
    if (this.#store.total > this.#most || table.count % this.#lookEvery === 0) this.#refuseMuch(place);
  }

  #refuseMuch(place: string): void {
    const { columns, origin, weight, length } = this.table;
    const arrays = [origin.lines.file, origin.lines.line, weight, length];
    const others = arrays.reduce((sum, array) => sum + (array?.byteLength ?? 0), 0);
    const bytes = Object.values(columns).reduce((sum, column) => sum + bytesOf(column), this.#store.total + others);
    if (bytes > this.#most)
      throw overBudget(place, `the samples up to here are ${formatBytes(bytes)} of texts and numbers`, this.#most);
  }

  /** Forgets the records and keeps the memory. */
  clear(): void {
    this.table.count = 0;
    for (const { builder } of this.#columns) builder.clear();
    this.#store.clear();
    this.#names.clear();
  }

  #grow(count: number): void {
    const { table } = this;
    const { lines } = table.origin;
    lines.file = withRoom(lines.file, count);
    lines.line = withRoom(lines.line, count);
    if (table.length) table.length = withRoom(table.length, count);
    if (table.weight) table.weight = withRoom(table.weight, count);
  }
}

/** Bytes of a column's arrays; texts are counted in their store. */
const bytesOf = (column: ColumnSlice): number =>
  Object.values(column).reduce((sum: number, part: unknown) => {
    if (ArrayBuffer.isView(part)) return sum + part.byteLength;
    return column.kind === 'tensor' && part === column.sources
      ? sum +
          column.sources.reduce((all, source) => all + ('memory' in source ? (source.memory?.byteLength ?? 0) : 0), 0)
      : sum;
  }, 0);

type Ragged = readonly [texts: ColumnSpec, classes: ColumnSpec];

/** A list of classes has one for each text of every list of texts beside it. */
const raggedPairs = (columns: readonly ColumnSpec[]): Ragged[] =>
  columns
    .filter(({ kind, each }) => kind === 'classes' && each !== undefined)
    .flatMap((classes) => columns.filter(({ role }) => role === classes.each).map((texts): Ragged => [texts, classes]));

function refuseUneven(values: TableRecord['values'], texts: ColumnSpec, classes: ColumnSpec, place: string): void {
  const [words, tags] = [values[texts.role], values[classes.role]] as unknown[][];
  if (words!.length === tags!.length) return;
  throw new DataError(
    `${place}: column ${quote(classes.name)} has ${tags!.length} labels and column ${quote(texts.name)} ${words!.length} texts; ` +
      'give each text one',
  );
}

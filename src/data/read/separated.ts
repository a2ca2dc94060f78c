// CSV and TSV files with a header line, as rows of texts. Only the wanted columns go into a row. The header is checked
// before the first record, every record's number of fields against it. How text becomes fields is in fields.ts.

import { DataError } from '../../errors.js';
import { textBlocks } from './blocks.js';
import { FieldScanner } from './fields.js';
import { missingColumn, type RawRecord, type ReadOptions, type Row } from './row.js';

/** Records of a .csv or .tsv file, a block at a time; a record counts from the line where it begins. */
export async function* separated(
  file: string,
  delimiter: ',' | '\t',
  options: ReadOptions,
): AsyncGenerator<RawRecord[]> {
  const table = new Table(file, delimiter, options);
  for await (const { text } of textBlocks(file, options.signal)) {
    table.scanner.add(text);
    yield* table.blocks(false);
  }
  yield* table.blocks(true);
}

class Table {
  readonly scanner: FieldScanner;
  readonly #file: string;
  readonly #columns: readonly string[] | undefined;
  #skip: number;
  /** Number of columns; 0 until the header is read. */
  #width = 0;
  #wanted: { name: string; column: number }[] = [];

  constructor(file: string, delimiter: ',' | '\t', { columns, skip = 0 }: ReadOptions) {
    this.scanner = new FieldScanner(file, delimiter);
    this.#file = file;
    this.#columns = columns;
    this.#skip = skip;
  }

  /** The records that are complete so far as one block; those before an error are delivered first. */
  *blocks(last: boolean): Generator<RawRecord[]> {
    const records: RawRecord[] = [];
    try {
      for (let count = this.scanner.next(last); count > 0; count = this.scanner.next(last)) this.#take(count, records);
    } catch (error) {
      if (records.length > 0) yield records;
      throw error;
    }
    if (records.length > 0) yield records;
  }

  #take(count: number, records: RawRecord[]): void {
    const { fields, line } = this.scanner;
    if (this.#width === 0) {
      this.#readHeader(fields.slice(0, count), line);
    } else if (count !== this.#width) {
      throw new DataError(
        `${this.#file}:${line}: broken CSV record: expected ${this.#width} fields as in the header, found ${count}; ` +
          'put a field that holds the separator or a line break in quotes',
      );
    } else if (this.#skip > 0) {
      this.#skip--;
    } else {
      const row: Row = {};
      for (const { name, column } of this.#wanted) row[name] = fields[column];
      records.push({ row, line });
    }
  }

  #readHeader(names: string[], line: number): void {
    const wanted = this.#columns ?? names;
    for (const name of wanted) {
      const column = names.indexOf(name);
      if (column < 0) throw missingColumn(`${this.#file}:${line}`, name, names);
      if (column !== names.lastIndexOf(name))
        throw new DataError(`${this.#file}:${line}: the header names column '${name}' twice; rename one`);
      this.#wanted.push({ name, column });
    }
    this.#width = names.length;
  }
}

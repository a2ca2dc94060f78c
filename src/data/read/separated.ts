// CSV and TSV files with a header line, as rows of texts. Only the wanted columns go into a row. The header is checked
// before the first record, every record's number of fields against it. How text becomes fields is in fields.ts; what
// separates and quotes them, where no option says so, in delimiter.ts and quoting.ts.

import type { DataError } from '../../errors.js';
import { textBlocks } from './blocks.js';
import { delimiterOf, headOf } from './delimiter.js';
import { brokenRecord, FieldScanner } from './fields.js';
import { hasQuotes, quotingOf } from './quoting.js';
import { columnAt, missingColumn, type RawRecord, type ReadOptions, type Row } from './row.js';

/** Records of a .csv or .tsv file, a block at a time; a record counts from the line where it begins. */
export async function* separated(file: string, usual: ',' | '\t', options: ReadOptions): AsyncGenerator<RawRecord[]> {
  let table: Table | undefined;
  for await (const { text } of textBlocks(file, options)) {
    table ??= new Table(file, usual, options, text);
    await table.add(text);
    yield* table.blocks(false);
  }
  if (!table) return;
  yield* table.blocks(true);
  table.say();
}

class Table {
  readonly #file: string;
  readonly #options: ReadOptions;
  readonly #delimiter: string;
  /** Undefined until a field of a TSV file begins with a quote. */
  #quote: string | undefined;
  #scanner: FieldScanner;
  /** Characters before the header, of the first block. */
  readonly #before: number;
  #passed: number;
  #skip: number;
  /** Number of columns; 0 until the header is read. */
  #width = 0;
  #wanted: { name: string; column: number }[] = [];

  /** @param head the file's first block */
  constructor(file: string, usual: ',' | '\t', options: ReadOptions, head: string) {
    const { form = {}, columns, skip = 0, note } = options;
    this.#file = file;
    this.#options = options;
    this.#skip = skip;
    const delimiter = form.delimiter === undefined ? undefined : delimiterOf(form.delimiter);
    const width = form.header && (isUnnamed(form.header) ? 0 : form.header.length);
    const found = headOf(head, { delimiter, usual, quote: form.quote ?? '"', columns, width });
    if (found.note !== undefined) note?.(`${file}: ${found.note}`);
    this.#delimiter = found.delimiter;
    this.#before = this.#passed = found.passed;
    this.#quote = form.quote ?? (found.delimiter === '\t' ? undefined : '"');
    this.#scanner = this.#scannerOf(this.#quote ?? '"');
  }

  #scannerOf(quote: string): FieldScanner {
    return new FieldScanner(this.#file, { delimiter: this.#delimiter, quote }, this.#before > 0 ? 2 : 1);
  }

  async add(text: string): Promise<void> {
    // Without a quote at the beginning of a field both readings are the same, so it is time enough to decide now.
    if (this.#quote === undefined && hasQuotes(text.slice(this.#passed), this.#delimiter)) {
      const { quote, note } = await quotingOf(this.#file, this.#delimiter, this.#before, this.#options);
      this.#options.note?.(note);
      this.#quote = quote;
      if (quote === 'none') this.#scanner = this.#scanner.as({ delimiter: this.#delimiter, quote });
    }
    this.#scanner.add(this.#passed > 0 ? text.slice(this.#passed) : text);
    this.#passed = 0;
  }

  /** The records that are complete so far as one block; those before an error are delivered first. */
  *blocks(last: boolean): Generator<RawRecord[]> {
    const records: RawRecord[] = [];
    const scanner = this.#scanner;
    try {
      for (let count = scanner.next(last); count > 0; count = scanner.next(last)) this.#take(count, records);
    } catch (error) {
      if (records.length > 0) yield records;
      throw error;
    }
    if (records.length > 0) yield records;
  }

  /** What was passed over, and what goes beyond a line. */
  say(): void {
    const { note } = this.#options;
    const { emptyLines, spanning } = this.#scanner;
    const { records, lines, first, longest, longestLines } = spanning;
    if (emptyLines > 0)
      note?.(
        `${this.#file}: ${count(emptyLines, 'empty line')} between records ${emptyLines > 1 ? 'are' : 'is'} no record`,
      );
    if (records === 0) return;
    note?.(
      `${this.#file}: ${records} records hold line breaks within quotes, ${lines} lines in all; the first begins in line ` +
        `${first}, the longest in line ${longest} (${longestLines} lines). Set quote to none if quotes are letters`,
    );
  }

  #take(count: number, records: RawRecord[]): void {
    const { fields, line } = this.#scanner;
    if (this.#width === 0 && this.#readHeader(fields.slice(0, count), line)) return;
    if (count !== this.#width) throw this.#uneven(count, line);
    if (this.#skip > 0) {
      this.#skip--;
      return;
    }
    const row: Row = {};
    for (const { name, column } of this.#wanted) row[name] = fields[column];
    records.push({ row, line });
  }

  #uneven(count: number, line: number): DataError {
    const { header } = this.#options.form ?? {};
    const as =
      header && !isUnnamed(header)
        ? 'as option header has names'
        : header
          ? 'as in the first line'
          : 'as in the header';
    const returns = this.#scanner.fields.slice(0, count).some((field) => field.includes('\r'));
    return brokenRecord(
      this.#file,
      line,
      this.#delimiter,
      `expected ${this.#width} fields ${as}, found ${count}; put a field that holds the separator or a line break in ` +
        `quotes${this.#quote === 'none' ? ' (they are read as letters here: option quote)' : ', or set quote to none where quotes are letters'}` +
        (returns ? '; it holds CR without LF: set lineEnding to any if lines end with these' : ''),
    );
  }

  /** Whether the line is the header, and no record. */
  #readHeader(first: string[], line: number): boolean {
    const { form = {}, columns, note } = this.#options;
    const { header } = form;
    const names = header === undefined ? first : isUnnamed(header) ? first.map((_, i) => String(i + 1)) : header;
    const place = `${this.#file}:${line}`;
    for (const name of columns ?? names) {
      const column = columnAt(names, name, place);
      if (column === undefined) {
        const headless =
          header === undefined ? '; if the first line is a record, set header to the names of the columns' : '';
        throw missingColumn(place, name, names, headless);
      }
      this.#wanted.push({ name, column });
    }
    this.#width = names.length;
    if (header === undefined) return true;
    const repeats = first.length === names.length && first.every((name, i) => name.trim() === names[i]);
    if (repeats && !isUnnamed(header))
      note?.(`${place}: the line has the names that option header gives, and is no record`);
    return repeats && !isUnnamed(header);
  }
}

const isUnnamed = (header: readonly string[]): boolean => header.length === 1 && header[0] === 'none';
const count = (n: number, what: string): string => `${n} ${what}${n > 1 ? 's' : ''}`;

// Whether the quotes of a TSV file are letters, where no option says so. Spreadsheets, pandas and R write quotations
// around fields there as in CSV; corpora of sentences write a quote as it stands in the text, and a reader that takes
// it for a quotation swallows rows without a word. So a file whose fields begin with quotes is read both ways, as a
// whole, and the reading that makes every record as wide as the header counts; where both do, what the writers of
// quotations leave behind decides: quotes within are doubled, fields without tabs, quotes and commas are not quoted
// (Excel, pandas' QUOTE_MINIMAL), or all fields of a column are (R, QUOTE_ALL).

import { statSync } from 'node:fs';
import { textBlocks } from './blocks.js';
import type { TextOptions } from './bytes.js';
import { FieldScanner } from './fields.js';

export interface Quoting {
  quote: '"' | 'none';
  note: string;
}

/** Whether a field of this text may begin with a quote. */
export const hasQuotes = (text: string, delimiter: string): boolean =>
  text.includes('"') && (text.charCodeAt(0) === 0x22 || text.includes(`${delimiter}"`) || text.includes('\n"'));

/** What was found of files, by path, size and time: streamed files are opened again and again. */
const known = new Map<string, Quoting>();

/** Reads the file from its beginning. @param passed characters before the header */
export async function quotingOf(
  file: string,
  delimiter: string,
  passed: number,
  options: TextOptions,
): Promise<Quoting> {
  const { size = 0, mtimeMs = 0 } = statSync(file, { throwIfNoEntry: false }) ?? {};
  const key = JSON.stringify([file, size, mtimeMs, delimiter, options.form]);
  const before = known.get(key);
  if (before) return before;
  const readings = new Readings(file, delimiter);
  let left = passed;
  for await (const { text } of textBlocks(file, { ...options, note: undefined })) {
    readings.add(text.slice(left));
    left = 0;
  }
  const quoting = readings.decide();
  known.set(key, quoting);
  return quoting;
}

/** One file, with quotes as letters and as quotations. */
class Readings {
  readonly #file: string;
  readonly #letters: FieldScanner;
  readonly #quoted: FieldScanner;
  /** Fields of the header in each reading. */
  #width = 0;
  #quotedWidth = 0;
  #lettersFit = true;
  #quotedFit = true;
  /** Why the quotations do not fit. */
  #misfit = '';
  #records = 0;
  /** Fields that begin with a quote, of each column. */
  readonly #begun: number[] = [];
  /** Such fields that hold nothing which writers put in quotes; other fields with quotes, and with commas. */
  #needless = 0;
  #forCommas = 0;
  #bareQuotes = 0;
  #bareCommas = 0;

  constructor(file: string, delimiter: string) {
    this.#file = file;
    this.#letters = new FieldScanner(file, { delimiter, quote: 'none' });
    this.#quoted = new FieldScanner(file, { delimiter, quote: '"' });
  }

  add(text: string): void {
    this.#letters.add(text);
    if (this.#quotedFit) this.#quoted.add(text);
    this.#take(false);
  }

  #take(last: boolean): void {
    for (let count = this.#letters.next(last); count > 0; count = this.#letters.next(last)) {
      if (this.#width === 0) this.#width = count;
      else this.#lettersFit &&= count === this.#width;
      this.#records++;
      this.#look(this.#letters.fields, count);
    }
    if (!this.#quotedFit) return;
    try {
      for (let count = this.#quoted.next(last); count > 0; count = this.#quoted.next(last)) {
        if (this.#quotedWidth === 0) this.#quotedWidth = count;
        else if (count !== this.#quotedWidth) this.#unfit(`with quotations line ${this.#quoted.line} does not fit`);
      }
    } catch {
      this.#unfit(`the quotation of line ${this.#quoted.line} does not end where a field does`);
    }
  }

  #unfit(why: string): void {
    this.#quotedFit = false;
    this.#misfit ||= why;
  }

  #look(fields: readonly string[], count: number): void {
    for (let column = 0; column < count; column++) {
      const field = fields[column]!;
      if (field.charCodeAt(0) !== 0x22) {
        if (field.includes('"')) this.#bareQuotes++;
        if (field.includes(',')) this.#bareCommas++;
        continue;
      }
      this.#begun[column] = (this.#begun[column] ?? 0) + 1;
      if (field.includes('""', 1)) continue;
      if (field.includes(',')) this.#forCommas++;
      else this.#needless++;
    }
  }

  decide(): Quoting {
    this.#take(true);
    const { records } = this.#quoted.spanning;
    const begun = this.#begun.reduce((sum, count) => sum + (count ?? 0), 0);
    const letters = (why: string): Quoting => ({
      quote: 'none',
      note:
        `${this.#file}: ${begun} fields begin with a quote, which is read as a letter, since ${why}; ` +
        `set quote to '"' if these are quotations`,
    });
    const quoted = (why: string): Quoting => ({
      quote: '"',
      note:
        `${this.#file}: ${begun} fields begin with a quote, which is read as a quotation, since ${why}; ` +
        'set quote to none if these are letters',
    });
    if (!this.#quotedFit) return letters(this.#misfit);
    if (!this.#lettersFit) return quoted('only so all records have the fields of the header');
    if (this.#width === 1) return quoted('every quotation ends with its field');
    if (records > 0) return letters('every line by itself has the fields of the header');
    const minimal = this.#needless === 0 && this.#bareQuotes === 0 && (this.#forCommas === 0 || this.#bareCommas === 0);
    if (minimal) return quoted('only fields that need it are in quotes');
    // The header may be without.
    const whole = this.#begun.every((count = 0) => count === 0 || count >= this.#records - 1);
    if (whole && this.#records > 2) return quoted('all fields of a column are in quotes');
    return letters('every line has the fields of the header, and other fields of the column are without quotes');
  }
}

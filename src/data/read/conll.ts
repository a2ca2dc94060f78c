// CoNLL files: a token a line in columns of white space, an empty line between sentences, -DOCSTART- between documents.
// A sentence is a row; its columns are called 1, 2, … from the left, and by the names that are asked for first and
// last: words and tags. Of CoNLL-U (.conllu) words are column 2 and tags column 4, and lines of several words are left
// out.

import { DataError } from '../../errors.js';
import { textBlocks } from './blocks.js';
import type { RawRecord, ReadOptions, Row } from './row.js';

/** Records of a file of sentences, a block at a time; `line` is that of the sentence's first token. */
export async function* conll(file: string, options: ReadOptions): AsyncGenerator<RawRecord[]> {
  const universal = /\.conllu(\.gz)?$/i.test(file);
  const sentences = new Sentences(file, universal, options);
  for await (const { text, line } of textBlocks(file, options)) {
    const records = sentences.take(text, line);
    if (records.length > 0) yield records;
  }
  const last = sentences.end();
  if (last) yield [last];
  if (/\.txt(\.gz)?$/i.test(file) && sentences.width > 0)
    options.note?.(
      `${file} is read as a CoNLL file: a token a line, ${sentences.width} columns, an empty line between sentences`,
    );
}

class Sentences {
  readonly #file: string;
  readonly #universal: boolean;
  readonly #names: readonly [string | undefined, string | undefined];
  #left: number;
  #tokens: string[][] = [];
  #first = 0;
  /** Columns of a token; 0 until there is one. */
  width = 0;

  constructor(file: string, universal: boolean, { skip = 0, columns = [] }: ReadOptions) {
    this.#file = file;
    this.#universal = universal;
    this.#left = skip;
    this.#names = [columns[0], columns[1]];
  }

  take(text: string, first: number): RawRecord[] {
    const records: RawRecord[] = [];
    const lines = text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    for (const [i, line] of lines.entries()) {
      const record = this.#line(line.replace(/\r$/, ''), first + i);
      if (record) records.push(record);
    }
    return records;
  }

  end(): RawRecord | undefined {
    if (this.#tokens.length === 0) return undefined;
    const tokens = this.#tokens;
    this.#tokens = [];
    if (this.#left-- > 0) return undefined;
    return { row: this.#row(tokens), line: this.#first };
  }

  #line(line: string, number: number): RawRecord | undefined {
    if (line.trim() === '') return this.end();
    const fields = line.includes('\t') ? line.split('\t') : line.trim().split(/ +/);
    if (fields[0] === '-DOCSTART-') return undefined;
    // '# text = …' is a comment; a token may be '#', too.
    if (/^#\s/.test(line) && (this.#universal || (this.width > 0 && fields.length !== this.width))) return undefined;
    if (this.#universal && /[-.]/.test(fields[0]!)) return undefined;
    this.width ||= this.#widthOf(fields, number);
    if (fields.length !== this.width)
      throw new DataError(
        `${this.#file}:${number}: the token has ${fields.length} columns, those before have ${this.width}; ` +
          'expected a token a line, its columns with spaces or tabs between them',
      );
    if (this.#tokens.length === 0) this.#first = number;
    this.#tokens.push(fields);
    return undefined;
  }

  /** @throws DataError for fewer columns than are asked for: words and tags would be one column, or another one */
  #widthOf({ length }: readonly string[], number: number): number {
    const asked = Math.max(...this.#names.map((name) => (/^\d+$/.test(name ?? '') ? Number(name) : 0)));
    const [words, tags] = this.#names;
    const least = Math.max(asked, this.#universal ? 4 : words !== undefined && tags !== undefined ? 2 : 1);
    if (length >= least) return length;
    throw new DataError(
      `${this.#file}:${number}: the token has ${length} ${length === 1 ? 'column' : 'columns'}, expected at least ${least}: ` +
        'a token a line in a CoNLL file, its columns (the word first, its tag last) with spaces or tabs between them',
    );
  }

  #row(tokens: readonly string[][]): Row {
    const column = (k: number): string[] => tokens.map((fields) => fields[k]!);
    const [words, tags] = this.#universal ? [1, 3] : [0, this.width - 1];
    const named = this.#names.map((name, i) => [name, column(i === 0 ? words : tags)] as const);
    const numbered = Array.from({ length: this.width }, (_, k) => [String(k + 1), column(k)] as const);
    return Object.fromEntries([...named.filter(([name]) => name !== undefined), ...numbered]) as Row;
  }
}

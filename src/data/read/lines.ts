// JSON Lines: one object a line, blank lines left out. Lines are parsed one by one, so that an error names its line
// and the records before it are still delivered; skipped lines are counted and never parsed. Files of this name that
// are one array, or hold objects over several lines, are read for what they are (json-values.ts), and it is said.

import { DataError } from '../../errors.js';
import { shown } from '../../quote.js';
import { type TextBlock, textBlocks } from './blocks.js';
import { parseJson } from './exact-json.js';
import { JsonValues } from './json-values.js';
import { describe, type RawRecord, type ReadOptions, type Row } from './row.js';

/** Records of a .jsonl or .ndjson file, a block at a time. All keys are read, whatever `columns` says. */
export async function* jsonLines(file: string, options: ReadOptions): AsyncGenerator<RawRecord[]> {
  let reader: Lines | Values | undefined;
  for await (const block of textBlocks(file, options)) {
    reader ??= new (isOneALine(block) ? Lines : Values)(file, options);
    yield* reader.take(block);
  }
  reader?.end();
}

/** Whether the first record is a line, which may be wrong or have a comma behind it. */
function isOneALine({ text }: TextBlock): boolean {
  const begin = text.search(/\S/);
  if (begin < 0) return true;
  const line = text.slice(begin, endOfLine(text, begin)).trim();
  const values = new JsonValues('');
  try {
    // An array of objects is a file of its own; another array is a line that is wrong.
    if (/^\s*\[\s*[{\]]/.test(text)) return false;
    if (line[0] !== '{' || isJson(line.replace(/,$/, ''))) return true;
    values.add(text);
    return !isJson(values.next()?.text ?? '');
  } catch {
    return true;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

class Lines {
  readonly #file: string;
  readonly #note: ReadOptions['note'];
  #left: number;
  /** Blank lines behind the last record, and those between records; lines that end with a comma. */
  #blankAhead = 0;
  #blank = 0;
  #commas = 0;

  constructor(file: string, { skip = 0, note }: ReadOptions) {
    this.#file = file;
    this.#left = skip;
    this.#note = note;
  }

  *take({ text, line: first }: TextBlock): Generator<RawRecord[]> {
    const records: RawRecord[] = [];
    let line = first;
    let ahead = this.#blankAhead;
    try {
      for (let start = 0; start < text.length; line++) {
        const end = endOfLine(text, start);
        if (blank(text, start, end)) ahead++;
        else {
          if (ahead > 0) this.#blank += ahead;
          ahead = 0;
          if (this.#left > 0) this.#left--;
          else records.push({ row: this.#parse(text.slice(start, end), line), line });
        }
        start = end + 1;
      }
    } catch (error) {
      if (records.length > 0) yield records;
      throw error;
    }
    this.#blankAhead = ahead;
    if (records.length > 0) yield records;
  }

  #parse(text: string, line: number): Row {
    try {
      return objectOf(text, this.#file, line);
    } catch (error) {
      const trimmed = text.trimEnd();
      if (!trimmed.endsWith('},')) throw error;
      const row = objectOf(trimmed.slice(0, -1), this.#file, line);
      this.#commas++;
      return row;
    }
  }

  end(): void {
    if (this.#commas > 0)
      this.#note?.(`${this.#file}: ${this.#commas} lines end with a comma, which is no JSON Lines; it is left out`);
    if (this.#blank > 0) this.#note?.(`${this.#file}: ${this.#blank} blank lines between records are no records`);
  }
}

class Values {
  readonly #file: string;
  readonly #values: JsonValues;
  readonly #note: ReadOptions['note'];
  #left: number;
  #records = 0;

  constructor(file: string, { skip = 0, note }: ReadOptions) {
    this.#file = file;
    this.#values = new JsonValues(file);
    this.#left = skip;
    this.#note = note;
  }

  *take({ text }: TextBlock): Generator<RawRecord[]> {
    const records: RawRecord[] = [];
    try {
      this.#values.add(text);
      for (let value = this.#values.next(); value; value = this.#values.next()) {
        this.#records++;
        if (this.#left > 0) this.#left--;
        else records.push({ row: objectOf(value.text, this.#file, value.line), line: value.line });
      }
    } catch (error) {
      if (records.length > 0) yield records;
      throw error;
    }
    if (records.length > 0) yield records;
  }

  end(): void {
    this.#values.end();
    const form = this.#values.array ? 'one JSON array' : 'a sequence of JSON objects that are not one a line';
    this.#note?.(`${this.#file} is ${form}, and no JSON Lines: its ${this.#records} objects are read as records`);
  }
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end < 0 ? text.length : end;
}

function blank(text: string, start: number, end: number): boolean {
  const first = text.charCodeAt(start);
  return start === end || ((first <= 0x20 || first >= 0x80) && text.slice(start, end).trim() === '');
}

function objectOf(text: string, file: string, line: number): Row {
  let row: unknown;
  try {
    row = parseJson(text);
  } catch (error) {
    throw new DataError(`${file}:${line}: not a JSON value: ${shown((error as Error).message)}${hint(text)}`);
  }
  if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row as Row;
  throw new DataError(`${file}:${line}: each line must be a JSON object, found ${describe(row)}`);
}

/** What the text seems to be instead. */
function hint(text: string): string {
  if (/\}\s*\{/.test(text)) return '; the line holds several objects: write one a line';
  if (/^\s*\{\s*'/.test(text)) return "; it looks like Python's notation: write it with json.dumps";
  if (/[:[,]\s*-?(NaN|Infinity)\b/.test(text))
    return '; NaN and Infinity are no JSON: write null, or leave the field out';
  return '';
}

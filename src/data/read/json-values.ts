// JSON objects that are not one a line: in one array, over several lines (pretty-printed), or one behind the other.
// Read piece by piece: only where a value begins and ends is looked for here, the value itself is for JSON.parse.

import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import { longestRecordBytes } from './blocks.js';

/** What a character means outside of a string; others mean nothing there. */
const special = /["{}[\]\n]/g;

export interface JsonValue {
  text: string;
  line: number;
}

export class JsonValues {
  /** Commas stood between values, or the whole is an array. */
  array = false;

  readonly #file: string;
  #text = '';
  #at = 0;
  #line: number;
  /** Where the value at hand begins, and its line; -1 between values. */
  #begin = -1;
  #beginLine = 0;
  #depth = 0;
  #inString = false;
  /** An array holds the values; it has ended. */
  #within = false;
  #ended = false;

  constructor(file: string, line = 1) {
    this.#file = file;
    this.#line = line;
  }

  add(text: string): void {
    const keep = this.#begin >= 0 ? this.#begin : this.#at;
    this.#text = this.#text.slice(keep) + text;
    this.#at -= keep;
    if (this.#begin >= 0) this.#begin = 0;
    if (this.#text.length > longestRecordBytes + text.length)
      throw this.#wrong(
        this.#beginLine,
        `the value that begins here is longer than ${longestRecordBytes / 2 ** 20} MiB`,
      );
  }

  /** The next value that is whole; undefined: more text is needed. @throws DataError for what stands between values */
  next(): JsonValue | undefined {
    if (this.#begin < 0 && !this.#start()) return undefined;
    return this.#finish();
  }

  /** @throws DataError where the text ends within a value or the array */
  end(): void {
    if (this.#begin >= 0) throw this.#wrong(this.#beginLine, 'the value that begins here does not end');
    if (this.#within && !this.#ended)
      throw this.#wrong(this.#line, 'the array that holds the records does not end: the file is cut');
  }

  /** Passes over what may stand between values; whether one begins. */
  #start(): boolean {
    for (; this.#at < this.#text.length; this.#at++) {
      const sign = this.#text[this.#at]!;
      if (sign === '\n') this.#line++;
      if (' \t\r\n'.includes(sign)) continue;
      if (sign === ',' && !this.#ended) continue;
      if (sign === '[' && !this.#within) this.array = this.#within = true;
      else if (sign === ']' && this.#within && !this.#ended) this.#ended = true;
      else if (sign === '{' && !this.#ended) {
        this.#begin = this.#at;
        this.#beginLine = this.#line;
        return true;
      } else {
        const found = quote(this.#text.slice(this.#at, this.#at + 20).trimEnd());
        throw this.#wrong(
          this.#line,
          `expected ${this.#ended ? 'nothing behind the array' : 'a JSON object'}, found ${found}`,
        );
      }
    }
    return false;
  }

  #finish(): JsonValue | undefined {
    const text = this.#text;
    while (this.#at < text.length) {
      if (this.#inString) {
        const end = endOfString(text, this.#at);
        if (end < 0) return undefined;
        this.#at = end + 1;
        this.#inString = false;
        continue;
      }
      special.lastIndex = this.#at;
      const found = special.exec(text);
      this.#at = found ? found.index + 1 : text.length;
      if (!found) return undefined;
      const [sign] = found;
      if (sign === '\n') this.#line++;
      else if (sign === '"') this.#inString = true;
      else if (sign === '{' || sign === '[') this.#depth++;
      else if (--this.#depth === 0) {
        const value = { text: text.slice(this.#begin, this.#at), line: this.#beginLine };
        this.#begin = -1;
        return value;
      }
    }
    return undefined;
  }

  #wrong(line: number, what: string): DataError {
    return new DataError(`${this.#file}:${line}: ${what}`);
  }
}

/** The quote that closes the string `at` is in; -1 when it is not there. JSON has no line breaks in strings. */
function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c && end - 1 - backslashes >= at) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}

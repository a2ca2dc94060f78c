// Splits separated text (CSV by RFC 4180, TSV) into records of fields. Written for speed: it hops from delimiter to
// line break with indexOf instead of looking at every character. A field is quoted when it begins with a quote; a quote
// further in is a plain character, as in Python's csv module. What the fields are called is not known here.

import { DataError } from '../../errors.js';
import { longestRecordBytes } from './blocks.js';

const quote = 0x22;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

export class FieldScanner {
  /** The record that `next` found; entries beyond its count belong to earlier ones. */
  readonly fields: string[] = [];
  /** Line where that record begins, from 1. */
  line = 1;

  readonly #file: string;
  readonly #delimiter: string;
  #text = '';
  /** Text that waits behind `#text` for a quoted field to end. */
  #waiting: string[] = [];
  #waitingLength = 0;
  /** The last record was cut: more text is needed. */
  #open = false;
  #at = 0;
  /** Line at `#at`. */
  #lineAt = 1;
  /** Places of the next delimiter and line break; looked up again when `#at` has passed them. */
  #nextDelimiter = -1;
  #nextLineFeed = -1;

  /** `file` is for messages. */
  constructor(file: string, delimiter: ',' | '\t') {
    this.#file = file;
    this.#delimiter = delimiter;
  }

  /** Adds text that ends with a line break or with the file. Take all records with `next` before adding more. */
  add(text: string): void {
    this.#waiting.push(text);
    this.#waitingLength += text.length;
    // An open field is looked at again when there is twice as much of it: linear in all, however long it is.
    if (!this.#open || this.#waitingLength >= this.#text.length - this.#at) this.#join();
  }

  #join(): void {
    this.#text = this.#text.slice(this.#at) + this.#waiting.join('');
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#at = 0;
    this.#nextDelimiter = this.#nextLineFeed = -1;
    this.#open = false;
  }

  /**
   * Reads the next record into `fields` and `line` and returns its number of fields; empty lines are passed over.
   * 0: no complete record is left. `last`: there will be no more text.
   * @throws DataError for text behind a closing quote and a quote that is never closed.
   */
  next(last: boolean): number {
    if (last && this.#waitingLength > 0) this.#join();
    if (this.#open && !last) return 0;
    this.#passEmptyLines();
    const start = this.#at;
    if (start >= this.#text.length) return 0;
    this.line = this.#lineAt;
    const count = this.#record();
    if (count > 0) return count;
    if (last || this.#text.length - start > longestRecordBytes)
      throw this.#broken('a quote is opened and never closed');
    this.#open = true;
    this.#at = start;
    this.#lineAt = this.line;
    return 0;
  }

  #passEmptyLines(): void {
    for (;;) {
      const breakLength = this.#breakAt(this.#at);
      if (breakLength === 0) return;
      this.#at += breakLength;
      this.#lineAt++;
    }
  }

  /** Length of the line break at `at`: 0, 1 or 2. */
  #breakAt(at: number): number {
    const code = this.#text.charCodeAt(at);
    if (code === lineFeed) return 1;
    return code === carriageReturn && this.#text.charCodeAt(at + 1) === lineFeed ? 2 : 0;
  }

  #record(): number {
    for (let column = 0; ; column++) {
      const quoted = this.#text.charCodeAt(this.#at) === quote;
      if (quoted && !this.#quoted(column)) return 0;
      if (!quoted) this.#plain(column);
      const breakLength = this.#breakAt(this.#at);
      if (breakLength > 0 || this.#at >= this.#text.length) {
        this.#at += breakLength;
        this.#lineAt++;
        return column + 1;
      }
      // `#at` is at a delimiter.
      this.#at++;
    }
  }

  /** An unquoted field: to the next delimiter or the end of the line. */
  #plain(column: number): void {
    const text = this.#text;
    const at = this.#at;
    if (this.#nextDelimiter < at) this.#nextDelimiter = locationOf(text, this.#delimiter, at);
    if (this.#nextLineFeed < at) this.#nextLineFeed = locationOf(text, '\n', at);
    let end = this.#nextDelimiter;
    if (this.#nextLineFeed < end) {
      end = this.#nextLineFeed;
      if (end > at && text.charCodeAt(end - 1) === carriageReturn) end--;
    }
    this.fields[column] = text.slice(at, end);
    this.#at = end;
  }

  /** A quoted field; false when its end is not in the text. */
  #quoted(column: number): boolean {
    const text = this.#text;
    const start = this.#at + 1;
    let end = text.indexOf('"', start);
    let doubled = false;
    for (; end >= 0 && text.charCodeAt(end + 1) === quote; end = text.indexOf('"', end + 2)) doubled = true;
    if (end < 0) return false;
    const value = text.slice(start, end);
    this.fields[column] = doubled ? value.replaceAll('""', '"') : value;
    for (let at = value.indexOf('\n'); at >= 0; at = value.indexOf('\n', at + 1)) this.#lineAt++;
    this.#at = end + 1;
    if (this.#at < text.length && text[this.#at] !== this.#delimiter && this.#breakAt(this.#at) === 0)
      throw this.#broken(`field ${column + 1} goes on behind its closing quote; write a quote within a field twice`);
    return true;
  }

  #broken(what: string): DataError {
    return new DataError(`${this.#file}:${this.line}: broken CSV record: ${what}`);
  }
}

function locationOf(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at < 0 ? text.length : at;
}

// Splits separated text (CSV by RFC 4180, TSV) into records of fields. Written for speed: it hops from delimiter to
// line break with indexOf instead of looking at every character. A field is quoted when it begins with a quote; a quote
// further in is a plain character, as in Python's csv module. What the fields are called is not known here; what was
// passed over or goes beyond a line is counted, so that it can be said.

import { DataError } from '../../errors.js';
import { longestRecordBytes } from './blocks.js';

/** Between fields, and around those that hold it; quote 'none': quotes are letters. One UTF-16 unit each. */
export interface FieldForm {
  delimiter: string;
  quote: string;
}

/** More fields of one record are no table's. */
const mostFields = 2 ** 17;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

export class FieldScanner {
  /** The record that `next` found; entries beyond its count belong to earlier ones. */
  readonly fields: string[] = [];
  /** Line where that record begins, from 1. */
  line = 1;
  /** Empty lines between records so far. */
  emptyLines = 0;
  /** Records with line breaks within quotes so far, their lines, and where the first and the longest of them begin. */
  readonly spanning = { records: 0, lines: 0, first: 0, longest: 0, longestLines: 0 };

  readonly #file: string;
  readonly #delimiter: string;
  readonly #quote: string;
  /** Code of the quote; -1 where there is none. */
  readonly #quoteCode: number;
  #text = '';
  /** Text that waits behind `#text` for a quoted field to end. */
  #waiting: string[] = [];
  #waitingLength = 0;
  /** Empty lines behind the last record. */
  #emptyAhead = 0;
  /** The last record was cut: more text is needed. */
  #open = false;
  #at = 0;
  /** Line at `#at`. */
  #lineAt: number;
  /** Places of the next delimiter and line break; looked up again when `#at` has passed them. */
  #nextDelimiter = -1;
  #nextLineFeed = -1;

  /** @param file for messages @param line number of the first line of the text */
  constructor(file: string, { delimiter, quote }: FieldForm, line = 1) {
    this.#file = file;
    this.#delimiter = delimiter;
    this.#quote = quote;
    this.#quoteCode = quote === 'none' ? -1 : quote.charCodeAt(0);
    this.#lineAt = line;
  }

  /** A scanner at this place with another form; the text before was the same in both. */
  as(form: FieldForm): FieldScanner {
    const other = new FieldScanner(this.#file, form, this.#lineAt);
    other.emptyLines = this.emptyLines;
    other.#emptyAhead = this.#emptyAhead;
    return other;
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
    this.#emptyAhead += this.#passEmptyLines();
    const start = this.#at;
    if (start >= this.#text.length) return 0;
    this.line = this.#lineAt;
    const count = this.#record();
    if (count > 0) {
      this.emptyLines += this.#emptyAhead;
      this.#emptyAhead = 0;
      if (this.#lineAt - this.line > 1) this.#noteSpan(this.#lineAt - this.line);
      return count;
    }
    if (last) throw this.#broken('a quote is opened and never closed');
    if (this.#text.length - start > longestRecordBytes)
      throw this.#broken(
        `a quoted field is longer than ${longestRecordBytes / 2 ** 20} MiB: is its quote ever closed?`,
      );
    this.#open = true;
    this.#at = start;
    this.#lineAt = this.line;
    return 0;
  }

  #passEmptyLines(): number {
    for (let count = 0; ; count++) {
      const breakLength = this.#breakAt(this.#at);
      if (breakLength === 0) return count;
      this.#at += breakLength;
      this.#lineAt++;
    }
  }

  #noteSpan(lines: number): void {
    const { spanning } = this;
    if (spanning.records++ === 0) spanning.first = this.line;
    spanning.lines += lines;
    if (lines <= spanning.longestLines) return;
    spanning.longestLines = lines;
    spanning.longest = this.line;
  }

  /** Length of the line break at `at`: 0, 1 or 2. */
  #breakAt(at: number): number {
    const code = this.#text.charCodeAt(at);
    if (code === lineFeed) return 1;
    return code === carriageReturn && this.#text.charCodeAt(at + 1) === lineFeed ? 2 : 0;
  }

  #record(): number {
    for (let column = 0; ; column++) {
      if (column === mostFields)
        throw this.#broken(`more than ${mostFields} fields; is this a text file of this format?`);
      const quoted = this.#text.charCodeAt(this.#at) === this.#quoteCode;
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
    const quote = this.#quote;
    let end = text.indexOf(quote, start);
    let doubled = false;
    for (; end >= 0 && text.charCodeAt(end + 1) === this.#quoteCode; end = text.indexOf(quote, end + 2)) doubled = true;
    if (end < 0) return false;
    const value = text.slice(start, end);
    this.fields[column] = doubled ? value.replaceAll(quote + quote, quote) : value;
    for (let at = value.indexOf('\n'); at >= 0; at = value.indexOf('\n', at + 1)) this.#lineAt++;
    this.#at = end + 1;
    if (this.#at < text.length && text[this.#at] !== this.#delimiter && this.#breakAt(this.#at) === 0)
      throw this.#broken(`field ${column + 1} goes on behind its closing quote; write a quote within a field twice`);
    return true;
  }

  #broken(what: string): DataError {
    return brokenRecord(
      this.#file,
      this.line,
      this.#delimiter,
      `${what}, or set quote to none where quotes are letters`,
    );
  }
}

/** The error for a record that does not fit, by the name of its format. */
export const brokenRecord = (file: string, line: number, delimiter: string, what: string): DataError =>
  new DataError(`${file}:${line}: broken ${delimiter === '\t' ? 'TSV' : 'CSV'} record: ${what}`);

function locationOf(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at < 0 ? text.length : at;
}

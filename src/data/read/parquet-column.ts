// One column of one Parquet row group, page by page: writers make row groups of a million rows, so a whole column chunk
// is too much to hold, while a page is about one MiB. This file finds the pages and passes over unwanted ones without
// reading them; parquet-page.ts decodes them. Of lists every page is decoded, since its header has no number of rows.
// Source: the Parquet format, https://parquet.apache.org/docs/file-format/data-pages/

import type { FileHandle } from 'node:fs/promises';
import type { DecodedArray, PageHeader } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { DataError } from '../../errors.js';
import { formatBytes } from '../../format.js';
import { quote, shown } from '../../quote.js';
import { overBudget } from '../data-memory.js';
import { ListAssembler, listDepth, mostEntries } from './parquet-lists.js';
import { checkPage, decodeDictionary, decodeListPage, decodePage, type PageColumn } from './parquet-page.js';

/** Bytes read at a time; a larger page is read at once. */
const pieceBytes = 256 * 1024;
/** A page that unpacks to more than the first, and to so many times its size, is none that a writer made of data. */
const [largePageBytes, mostRatio] = [64 * 1024 * 1024, 200];
/** Memory that a value takes beside its bytes while its page is decoded. */
const bytesPerValue = 24;
/** A page header holds two statistics values at most. */
const longestHeaderBytes = 16 * 1024 * 1024;

export interface ColumnPlace extends PageColumn {
  /** For messages. */
  file: string;
  handle: FileHandle;
  size: number;
  /** Number of the row group's first row in the file, from 0, and its rows. */
  firstRow: number;
  rows: number;
  /** Most bytes that a page may take. */
  memory: number;
}

export class ParquetColumn {
  readonly #place: ColumnPlace;
  readonly #name: string;
  /** Where the next page begins. */
  #offset: number;
  #window = new Uint8Array(0);
  #windowOffset = 0;
  #dictionary: DecodedArray | undefined;
  /** Rows in pages decoded or passed over. */
  #rows = 0;
  /** Of a column of lists; then also the entries read, of as many as there are, and the byte behind the last page. */
  readonly #lists: ListAssembler | undefined;
  #entries = 0;
  readonly #end: number;
  /** The page at hand and its first value not taken yet. */
  values: DecodedArray = [];
  at = 0;

  constructor(place: ColumnPlace) {
    this.#place = place;
    this.#name = place.chunk.path_in_schema.join('.');
    // Writers without a dictionary leave its place out or write 0.
    this.#offset = Number(place.chunk.dictionary_page_offset || place.chunk.data_page_offset);
    if (listDepth(place.schemaPath) > 0) this.#lists = new ListAssembler(place.schemaPath);
    this.#end = this.#offset + Number(place.chunk.total_compressed_size);
  }

  /** Rows share their values: they are of a dictionary. */
  get repeats(): boolean {
    return this.#dictionary !== undefined;
  }

  /** Values of the page at hand that were not taken. */
  get left(): number {
    return this.values.length - this.at;
  }

  /** Makes the page of row `row` (counted in the row group) the page at hand, with `at` at that row. */
  async seek(row: number): Promise<void> {
    while (this.#rows <= row) await this.#nextPage(row);
    this.at = this.values.length - (this.#rows - row);
  }

  async #nextPage(row: number): Promise<void> {
    const { file, firstRow, rows, chunk } = this.#place;
    try {
      if (this.#lists && this.#offset >= this.#end)
        throw new Error(`its pages hold ${this.#rows} whole rows, the row group has ${rows} rows`);
      const header = await this.#header();
      const offset = this.#offset;
      this.#offset += header.compressed_page_size;
      const count = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values ?? 0;
      const left = this.#lists ? Number(chunk.num_values) - this.#entries : rows - this.#rows;
      if (!(count >= 0 && count <= left))
        throw new Error(`the page holds ${count} values, the row group has ${left} left`);
      if (count > mostEntries) throw new Error(`a page of more than ${mostEntries} values`);
      this.#refuseLarge(header, count);
      this.values = [];
      if (this.#lists || count === 0 || this.#rows + count > row)
        this.#decode(header, await this.#bytes(offset, header.compressed_page_size));
      this.#entries += count;
      if (this.#entries === Number(chunk.num_values)) this.values = [...this.values, ...(this.#lists?.end() ?? [])];
      this.#rows += this.#lists ? this.values.length : count;
      if (this.#rows > rows) throw new Error(`the pages hold more rows than the row group's ${rows}`);
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw new DataError(
        `${file}:${firstRow + this.#rows + 1}: column ${quote(this.#name)} cannot be decoded from this row on ` +
          `(${shown((error as Error).message)}); the file is damaged or written in a way ortune cannot read; write it again`,
      );
    }
  }

  /** What a page says that it takes is believed only where it can be. */
  #refuseLarge(header: PageHeader, values: number): void {
    const { file, firstRow, memory } = this.#place;
    const { compressed_page_size: packed, uncompressed_page_size: size } = header;
    const count = header.dictionary_page_header?.num_values ?? values;
    if (size > largePageBytes && size > mostRatio * packed)
      throw new Error(`a page of ${formatBytes(packed)} that unpacks to ${formatBytes(size)}, which no data do`);
    if (!(count >= 0 && count <= mostEntries)) throw new Error(`a dictionary of ${count} values`);
    if (2 * size + count * bytesPerValue > memory)
      throw overBudget(
        `${file}:${firstRow + this.#rows + 1}`,
        `a page of column ${quote(this.#name)} would take ${formatBytes(2 * size + count * bytesPerValue)}`,
        memory,
      );
  }

  #decode(header: PageHeader, bytes: Uint8Array): void {
    checkPage(header, bytes);
    if (header.type === 'DICTIONARY_PAGE') this.#dictionary = decodeDictionary(header, bytes, this.#place);
    else if (header.type === 'INDEX_PAGE') return;
    else if (this.#lists) this.values = this.#lists.add(decodeListPage(header, bytes, this.#place, this.#dictionary));
    else this.values = decodePage(header, bytes, this.#place, this.#dictionary);
  }

  /** The header of the page at `#offset`, which is moved behind it. */
  async #header(): Promise<PageHeader> {
    for (let length = 4096; ; length *= 8) {
      const left = this.#place.size - this.#offset;
      const bytes = await this.#bytes(this.#offset, Math.min(length, left));
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
      try {
        const header = parquetHeader(reader);
        if (!(header.compressed_page_size >= 0 && header.uncompressed_page_size >= 0))
          throw new Error('no page header');
        this.#offset += reader.offset;
        return header;
      } catch (error) {
        if (length >= left || length >= longestHeaderBytes) throw error;
      }
    }
  }

  /** `length` bytes of the file from `offset`; pages refer to them, so a window is never overwritten. */
  async #bytes(offset: number, length: number): Promise<Uint8Array> {
    const start = offset - this.#windowOffset;
    if (start < 0 || start + length > this.#window.length) {
      const { handle, size } = this.#place;
      if (offset + length > size) throw new Error(`${offset + length} bytes expected, the file has ${size}`);
      this.#window = await readExactly(handle, offset, Math.min(Math.max(length, pieceBytes), size - offset));
      this.#windowOffset = offset;
      return this.#window.subarray(0, length);
    }
    return this.#window.subarray(start, start + length);
  }
}

/** `length` bytes of the file from `offset`. */
export async function readExactly(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw new Error(`the file ends at byte ${offset + done}`);
    done += bytesRead;
  }
  return bytes;
}

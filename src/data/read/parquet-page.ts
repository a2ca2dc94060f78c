// Decodes one page of a Parquet column, its lists as levels (parquet-lists.ts). Checksum, levels and dictionary indices
// are read here, with every count and index checked, since a damaged run length in hyparquet's reader grows an array
// until the process dies; the value encodings are hyparquet's. Source: the Parquet format,
// https://parquet.apache.org/docs/file-format/data-pages/encodings/

import { crc32 } from 'node:zlib';
import type { ColumnMetaData, DecodedArray, Encoding, PageHeader, ParquetParsers, SchemaTree } from 'hyparquet';
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { deltaBinaryUnpack, deltaByteArray, deltaLengthByteArray } from 'hyparquet/src/delta.js';
import { byteStreamSplit } from 'hyparquet/src/encoding.js';
import { readPlain } from 'hyparquet/src/plain.js';
import type { Unpack } from './parquet-codecs.js';
import { definitionSteps, type ListPage, listDepth } from './parquet-lists.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const parsers: ParquetParsers = {
  ...DEFAULT_PARSERS,
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && decoder.decode(bytes),
};

export interface PageColumn {
  chunk: ColumnMetaData;
  /** From the root to the column. */
  schemaPath: SchemaTree[];
  unpack: Unpack;
}

/** Throws when the page's bytes are not those its header has the checksum of; many writers leave it out. */
export function checkPage(header: PageHeader, bytes: Uint8Array): void {
  if (header.crc !== undefined && crc32(bytes) !== header.crc >>> 0) throw new Error('the checksum does not fit');
}

/** The values of a dictionary page: texts are decoded once for all rows that share them. */
export function decodeDictionary(header: PageHeader, bytes: Uint8Array, column: PageColumn): DecodedArray {
  const page = column.unpack(bytes, header.uncompressed_page_size);
  const count = header.dictionary_page_header!.num_values;
  return converted(readPlain(readerOf(page), column.chunk.type, count, elementOf(column).type_length), column);
}

/** The values of a data page of either version, null where there is none. */
export function decodePage(
  header: PageHeader,
  bytes: Uint8Array,
  column: PageColumn,
  dictionary: DecodedArray | undefined,
): DecodedArray {
  const { levels, data, count, encoding } = partsOf(header, bytes, column);
  if (!levels) return valuesOf(data, count, encoding, column, dictionary);
  // A level for each row: how many of the optional steps down to the value are there; all of them where there is a
  // value.
  const most = definitionSteps(column.schemaPath);
  const present = readLevels(levels, most, count);
  const valueCount = countOf(present, most);
  const values = valuesOf(data, valueCount, encoding, column, dictionary);
  if (valueCount === count) return values;
  const spread = new Array<unknown>(count);
  for (let i = 0, next = 0; i < count; i++) spread[i] = present[i] === most ? values[next++] : null;
  return spread;
}

/** A data page of a column of lists, of either version. */
export function decodeListPage(
  header: PageHeader,
  bytes: Uint8Array,
  column: PageColumn,
  dictionary: DecodedArray | undefined,
): ListPage {
  const { repetitions, levels, data, count, encoding } = partsOf(header, bytes, column);
  const most = definitionSteps(column.schemaPath);
  const definitions = readLevels(levels!, most, count);
  return {
    repetitions: readLevels(repetitions!, listDepth(column.schemaPath), count),
    definitions,
    values: valuesOf(data, countOf(definitions, most), encoding, column, dictionary),
  };
}

const readLevels = (bytes: Uint8Array, most: number, count: number): Uint32Array =>
  readRuns(bytes, 32 - Math.clz32(most), count);

function countOf(levels: Uint32Array, wanted: number): number {
  let count = 0;
  for (const level of levels) count += Number(level === wanted);
  return count;
}

interface PageParts {
  /** Repetition levels as runs; none when no list is on the way to the value. */
  repetitions?: Uint8Array | undefined;
  /** Definition levels as runs; none when the column has a value in every row. */
  levels?: Uint8Array | undefined;
  data: Uint8Array;
  count: number;
  encoding: Encoding;
}

function partsOf(header: PageHeader, bytes: Uint8Array, column: PageColumn): PageParts {
  const optional = definitionSteps(column.schemaPath) > 0;
  const repeated = listDepth(column.schemaPath) > 0;
  const size = header.uncompressed_page_size;
  const { data_page_header: v1, data_page_header_v2: v2 } = header;
  if (v1) {
    const { num_values: count, encoding } = v1;
    let data = column.unpack(bytes, size);
    const takeRuns = (): Uint8Array => {
      const end = 4 + readerOf(data).view.getUint32(0, true);
      const runs = data.subarray(4, end);
      data = data.subarray(end);
      return runs;
    };
    const repetitions = repeated ? takeRuns() : undefined;
    const levels = optional ? takeRuns() : undefined;
    return { repetitions, levels, data, count, encoding };
  }
  if (!v2) throw new Error(`unknown page type ${header.type}`);
  const start = v2.repetition_levels_byte_length;
  const end = start + v2.definition_levels_byte_length;
  const packed = bytes.subarray(end);
  const data = v2.is_compressed === false ? packed : column.unpack(packed, size - end);
  const repetitions = repeated ? bytes.subarray(0, start) : undefined;
  const levels = optional ? bytes.subarray(start, end) : undefined;
  return { repetitions, levels, data, count: v2.num_values, encoding: v2.encoding };
}

function valuesOf(
  page: Uint8Array,
  count: number,
  encoding: Encoding,
  column: PageColumn,
  dictionary: DecodedArray | undefined,
): DecodedArray {
  if (count === 0) return [];
  const { type } = column.chunk;
  const reader = readerOf(page);
  const { type_length } = elementOf(column);
  switch (encoding) {
    case 'PLAIN_DICTIONARY':
    case 'RLE_DICTIONARY':
      return lookUp(readRuns(page.subarray(1), page[0]!, count), dictionary);
    case 'PLAIN':
      return converted(readPlain(reader, type, count, type_length), column);
    case 'RLE':
      return Array.from(readRuns(page.subarray(4), 1, count), (bit) => bit === 1);
    case 'BYTE_STREAM_SPLIT':
      return converted(byteStreamSplit(reader, count, type, type_length), column);
    case 'DELTA_BINARY_PACKED': {
      const values = type === 'INT32' ? new Int32Array(count) : new BigInt64Array(count);
      deltaBinaryUnpack(reader, count, values);
      return converted(values, column);
    }
    case 'DELTA_LENGTH_BYTE_ARRAY':
    case 'DELTA_BYTE_ARRAY': {
      const values = new Array<Uint8Array>(count);
      (encoding === 'DELTA_BYTE_ARRAY' ? deltaByteArray : deltaLengthByteArray)(reader, count, values);
      return converted(values, column);
    }
    default:
      throw new Error(`unknown encoding ${encoding}`);
  }
}

function lookUp(indices: Uint32Array, dictionary: DecodedArray | undefined): unknown[] {
  if (!dictionary) throw new Error('the dictionary is missing');
  const values = new Array<unknown>(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (index >= dictionary.length) throw new Error(`entry ${index} of a dictionary of ${dictionary.length}`);
    values[i] = dictionary[index];
  }
  return values;
}

/** `count` numbers of `width` bits (0 to 32) in the run-length and bit-packing hybrid; groups of 8 may be padded. */
function readRuns(bytes: Uint8Array, width: number, count: number): Uint32Array {
  if (width > 32) throw new Error(`numbers of ${width} bits`);
  const values = new Uint32Array(count);
  if (width === 0) return values;
  let at = 0;
  const byte = (): number => {
    if (at >= bytes.length) throw new Error('the page ends within a run');
    return bytes[at++]!;
  };
  for (let done = 0; done < count; ) {
    let run = 0;
    for (let shift = 0, next = 0x80; next >= 0x80; shift += 7) {
      if (shift > 28) throw new Error('a run of impossible length');
      next = byte();
      run += (next & 0x7f) * 2 ** shift;
    }
    const length = Math.floor(run / 2);
    if (run % 2 === 0) {
      let value = 0;
      for (let shift = 0; shift < width; shift += 8) value += byte() * 2 ** shift;
      if (length > count - done) throw new Error(`a run of ${length} where ${count - done} values are left`);
      values.fill(value, done, done + length);
      done += length;
    } else {
      const end = at + length * width;
      done = unpackBits(bytes.subarray(at, end), width, values, done);
      at = end;
    }
    if (length === 0) throw new Error('an empty run');
  }
  return values;
}

/** Fills `values` from `at` on with numbers of `width` bits, least significant first; returns where it ended. */
function unpackBits(bytes: Uint8Array, width: number, values: Uint32Array, at: number): number {
  const end = Math.min(values.length, at + Math.floor((bytes.length * 8) / width));
  let bits = 0;
  let held = 0;
  let next = 0;
  for (let i = at; i < end; i++) {
    // At most 31 held bits and 8 new ones: exact in a double, too many for the bit operators.
    while (held < width) {
      bits += bytes[next++]! * 2 ** held;
      held += 8;
    }
    values[i] = bits % 2 ** width;
    bits = Math.floor(bits / 2 ** width);
    held -= width;
  }
  return end;
}

const elementOf = ({ schemaPath }: PageColumn) => schemaPath[schemaPath.length - 1]!.element;

function converted(values: DecodedArray, column: PageColumn): DecodedArray {
  const { chunk, schemaPath } = column;
  const element = elementOf(column);
  const { type, codec, path_in_schema: pathInSchema } = chunk;
  const utf8 = (element.logical_type ?? element.converted_type) !== undefined;
  return convert(values, { pathInSchema, type, element, schemaPath, codec, parsers, utf8 });
}

const readerOf = (bytes: Uint8Array) => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  offset: 0,
});

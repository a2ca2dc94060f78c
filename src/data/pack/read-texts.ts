// Opens packed texts as a table: their tokens are read into shared memory, where texts would lie. See pack-texts.ts for what is
// in the file.

import { DataError } from '../../errors.js';
import type { Columns } from '../read/record.js';
import { namesOf, StoredTensors } from '../stored-tensors.js';
import { shared, type TextTable } from '../table.js';
import { checkPack } from './pack-format.js';
import { type TokenOrigin, tailBytes } from './tokens.js';

/** A chunk of a table's tokens holds no more, unless a single row does. */
const mostChunkBytes = 64 * 2 ** 20;

export const isStored = (path: string): boolean => path.endsWith('.safetensors');

interface Part {
  table: TextTable;
  names: readonly string[];
  origin: TokenOrigin;
}

/**
 * The texts of packed files, and the labels that `table.label` counts in.
 * @throws DataError for a file that is not packed, altered, or lacks what is asked for
 */
export function readPackedTexts(
  paths: readonly string[],
  { label, weight }: Columns,
): { table: TextTable; names: readonly string[] } {
  const other = paths.find((path) => !isStored(path));
  if (other !== undefined)
    throw new DataError(`${other} holds texts and ${paths.find(isStored)} packed ones; give files of one kind`);
  const names: string[] = [];
  const parts = paths.map((path, file) => {
    const part = readPart(path, file, { labelled: label !== undefined, weight });
    for (const name of part.names) if (!names.includes(name)) names.push(name);
    const ids = Int32Array.from(part.names, (name) => names.indexOf(name));
    for (const [i, id] of part.table.label.entries()) part.table.label[i] = ids[id] ?? 0;
    return part;
  });
  const [first] = parts as [Part];
  const different = parts.findIndex(({ origin }) => JSON.stringify(origin) !== JSON.stringify(first.origin));
  if (different > 0)
    throw new DataError(
      `${paths[different]}: packed with another tokenizer or maxLength than ${paths[0]}; pack them alike`,
    );
  return { table: joined(parts, paths), names };
}

function readPart(
  path: string,
  file: number,
  { labelled, weight }: { labelled: boolean; weight: string | undefined },
): Part {
  return StoredTensors.with(path, 'packed texts', (stored) => {
    if (!checkPack(stored, 'texts'))
      throw new DataError(`${path} is no packed file of texts; 'ortune pack --model MODEL' makes one of them`);
    const count = stored.place('lengths').shape[0]!;
    const column = (name: string): Float64Array => stored.numbers(name, count, 'texts');
    const { label_names: given, tokenizer_sha256: tokenizer = '', max_length: maxLength } = stored.metadata;
    if (labelled && !stored.places.has('labels'))
      throw new DataError(`${path} was packed without labels, which this task needs; pack the texts with them`);
    const uint32 = (values?: ArrayLike<number>): Uint32Array => filled(shared.uint32(count), values);
    const table: TextTable = {
      files: [path],
      count,
      ...readTokens(stored, column('lengths'), [column('truncated'), column('second_from'), column('second_to')]),
      pairBytes: uint32().fill(tailBytes),
      length: uint32(column('characters')),
      label: filled(shared.int32(count), labelled ? column('labels') : undefined),
      weight: weight === undefined ? undefined : filled(shared.float32(count), column(weight)),
      file: uint32().fill(file),
      line: uint32(Uint32Array.from({ length: count }, (_, i) => i)),
    };
    const names = labelled ? namesOf(given ?? '[]', path) : [];
    return { table, names, origin: { tokenizer, maxLength: Number(maxLength) } };
  });
}

/** The ids of all rows, each with its tail behind it. */
function readTokens(
  stored: StoredTensors,
  lengths: Float64Array,
  tails: readonly Float64Array[],
): Pick<TextTable, 'chunks' | 'chunk' | 'start' | 'textBytes'> {
  const count = lengths.length;
  const chunks: SharedArrayBuffer[] = [];
  const [chunk, start, textBytes] = [shared.uint32(count), shared.uint32(count), shared.uint32(count)];
  let from = stored.begin('input_ids');
  for (let row = 0; row < count; ) {
    let [bytes, end] = [0, row];
    while (end < count && (end === row || bytes + 4 * lengths[end]! + tailBytes <= mostChunkBytes))
      bytes += 4 * lengths[end++]! + tailBytes;
    const buffer = new SharedArrayBuffer(bytes);
    const ids = new Int32Array(stored.read(from, bytes - (end - row) * tailBytes).buffer);
    const numbers = new Int32Array(buffer);
    let [at, read] = [0, 0];
    for (; row < end; row++) {
      chunk[row] = chunks.length;
      start[row] = 4 * at;
      textBytes[row] = 4 * lengths[row]!;
      numbers.set(ids.subarray(read, read + lengths[row]!), at);
      read += lengths[row]!;
      at += lengths[row]!;
      for (const tail of tails) numbers[at++] = tail[row]!;
    }
    from += 4 * read;
    chunks.push(buffer);
  }
  return { chunks, chunk, start, textBytes };
}

/** Tables one behind the other. */
function joined(parts: readonly Part[], files: readonly string[]): TextTable {
  const count = parts.reduce((sum, { table }) => sum + table.count, 0);
  const all = <K extends 'start' | 'textBytes' | 'length' | 'file' | 'line' | 'pairBytes'>(key: K): Uint32Array =>
    concatenated(
      shared.uint32(count),
      parts.map(({ table }) => table[key]!),
    );
  let chunks = 0;
  for (const { table } of parts) {
    for (let i = 0; i < table.count; i++) table.chunk[i]! += chunks;
    chunks += table.chunks.length;
  }
  const [first] = parts as [Part];
  return {
    files,
    count,
    chunks: parts.flatMap(({ table }) => table.chunks),
    chunk: concatenated(
      shared.uint32(count),
      parts.map(({ table }) => table.chunk),
    ),
    start: all('start'),
    textBytes: all('textBytes'),
    pairBytes: all('pairBytes'),
    length: all('length'),
    label: concatenated(
      shared.int32(count),
      parts.map(({ table }) => table.label),
    ),
    weight:
      first.table.weight &&
      concatenated(
        shared.float32(count),
        parts.map(({ table }) => table.weight!),
      ),
    file: all('file'),
    line: all('line'),
    tokens: first.origin,
  };
}

type Column = Uint32Array | Int32Array | Float32Array;

function filled<C extends Column>(column: C, values: ArrayLike<number> | undefined): C {
  if (values) column.set(values);
  return column;
}

function concatenated<C extends Column>(out: C, columns: readonly Column[]): C {
  let at = 0;
  for (const column of columns) {
    out.set(column, at);
    at += column.length;
  }
  return out;
}

// Opens packed texts as a table: their tokens are read into shared memory, where texts would lie. See pack-texts.ts for
// what is in the file.

import { DataError } from '../../errors.js';
import { type ColumnSlice, type ColumnSpec, ofKind, type TokensSlice } from '../columns.js';
import type { ReadTable } from '../found.js';
import { listed } from '../labels.js';
import { concatenated, shared } from '../shared-arrays.js';
import { namesOf, StoredTensors } from '../stored-tensors.js';
import type { Table } from '../table.js';
import { checkPack } from './pack-format.js';
import { type TokenOrigin, tailBytes } from './tokens.js';

/** A chunk of a table's tokens holds no more, unless a single row does. */
const mostChunkBytes = 64 * 2 ** 20;

export const isStored = (path: string): boolean => path.endsWith('.safetensors');

/** Of one file. */
interface Part {
  path: string;
  count: number;
  tokens: TokensSlice;
  length: Float64Array;
  /** Index into `names` of each text. */
  label: Float64Array | undefined;
  names: readonly string[];
  weight: Float64Array | undefined;
  origin: TokenOrigin;
}

/**
 * The texts of packed files, and the labels that their classes count in.
 * @param weights tensor with the samples' weights
 * @throws DataError for a file that is not packed, altered, or lacks what is requested
 */
export function readPackedTexts(
  paths: readonly string[],
  columns: readonly ColumnSpec[],
  weights: string | undefined,
): ReadTable {
  const other = paths.find((path) => !isStored(path));
  if (other !== undefined)
    throw new DataError(`${other} holds texts and ${paths.find(isStored)} packed ones; give files of one kind`);
  const label = columns.find(({ kind }) => kind === 'class')?.role;
  const parts = paths.map((path) => readPart(path, label !== undefined, weights));
  const [first] = parts as [Part];
  const different = parts.findIndex(({ origin }) => JSON.stringify(origin) !== JSON.stringify(first.origin));
  if (different > 0)
    throw new DataError(
      `${paths[different]}: packed with another tokenizer or maxLength than ${paths[0]}; pack them alike`,
    );
  const { role } = columns.find(({ kind }) => kind === 'text' || kind === 'tokens')!;
  return joined(parts, paths, { text: role, label });
}

function readPart(path: string, labelled: boolean, weights: string | undefined): Part {
  return StoredTensors.with(path, 'packed texts', (stored) => {
    if (!checkPack(stored, 'texts'))
      throw new DataError(`${path} is no packed file of texts; 'ortune pack --model MODEL' makes one of them`);
    const count = stored.place('lengths').shape[0]!;
    const column = (name: string): Float64Array => stored.numbers(name, count, 'texts');
    const { label_names: given, tokenizer_sha256: tokenizer = '', max_length: maxLength } = stored.metadata;
    if (labelled && !stored.places.has('labels'))
      throw new DataError(`${path} was packed without labels, which this task needs; pack the texts with them`);
    const tails = [column('truncated'), column('second_from'), column('second_to')];
    return {
      path,
      count,
      tokens: readTokens(stored, column('lengths'), tails),
      length: column('characters'),
      label: labelled ? column('labels') : undefined,
      names: labelled ? namesOf(given ?? '[]', path) : [],
      weight: weights === undefined ? undefined : column(weights),
      origin: { tokenizer, maxLength: Number(maxLength) },
    };
  });
}

/** The ids of all rows, each with its tail behind it. */
function readTokens(stored: StoredTensors, lengths: Float64Array, tails: readonly Float64Array[]): TokensSlice {
  const count = lengths.length;
  const chunks: SharedArrayBuffer[] = [];
  const spans = shared.uint32(3 * count);
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
      spans.set([chunks.length, 4 * at, 4 * lengths[row]! + tailBytes], 3 * row);
      numbers.set(ids.subarray(read, read + lengths[row]!), at);
      read += lengths[row]!;
      at += lengths[row]!;
      for (const tail of tails) numbers[at++] = tail[row]!;
    }
    from += 4 * read;
    chunks.push(buffer);
  }
  return { kind: 'tokens', chunks, spans };
}

/** One table of all files' texts. */
function joined(
  parts: readonly Part[],
  files: readonly string[],
  roles: { text: string; label: string | undefined },
): ReadTable {
  const [first] = parts as [Part];
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const names = [...new Set(parts.flatMap((part) => part.names))];
  const labelled = parts.map(({ names }) => ({ named: names }));
  let chunks = 0;
  for (const { tokens } of parts) {
    for (let at = 0; at < tokens.spans.length; at += 3) tokens.spans[at]! += chunks;
    chunks += tokens.chunks.length;
  }
  const columns: Record<string, ColumnSlice> = {
    [roles.text]: {
      kind: 'tokens',
      chunks: parts.flatMap(({ tokens }) => tokens.chunks),
      spans: concatenated(
        shared.uint32(3 * count),
        parts.map(({ tokens }) => tokens.spans),
      ),
    },
  };
  if (roles.label !== undefined) columns[roles.label] = { kind: 'class', values: shared.int32(count) };
  const table: Table = {
    count,
    columns,
    weight: first.weight && shared.float32(count),
    length: shared.uint32(count),
    origin: { files, lines: { file: shared.uint32(count), line: shared.uint32(count), unit: 'row' } },
    tokens: first.origin,
  };
  return { table: fill(table, parts, roles.label, names), names, fileLabels: labelled };
}

function fill(table: Table, parts: readonly Part[], role: string | undefined, names: readonly string[]): Table {
  const label = role === undefined ? undefined : ofKind(table.columns, role, 'class')!.values;
  const { lines } = table.origin;
  let from = 0;
  for (const [file, part] of parts.entries()) {
    const ids = Int32Array.from(part.names, (name) => names.indexOf(name));
    table.length!.set(part.length, from);
    table.weight?.set(part.weight!, from);
    for (let i = 0; i < part.count; i++) {
      lines!.file[from + i] = file;
      lines!.line[from + i] = i;
      if (label) label[from + i] = ids[part.label![i]!] ?? refuseLabel(`${part.path}:row ${i}`, part, i);
    }
    from += part.count;
  }
  return table;
}

function refuseLabel(place: string, { label, names }: Part, row: number): never {
  throw new DataError(
    `${place}: label ${label![row]} is out of range; there are ${names.length} classes (${listed(names)}), numbered from 0. ` +
      'Pack the texts again',
  );
}

// Rows of tokens that are made before a run, of texts or parts of them, in the place of a table of texts. What cannot
// be told from the tokens stands in columns beside them: the bytes of the text that counts, and where a row is of
// several samples, their places.

import { bytesAt, ofKind, type Slices, type TokensSlice } from '../../data/columns.js';
import { encodedOf, tailBytes } from '../../data/pack/tokens.js';
import { shared } from '../../data/shared-arrays.js';
import type { Table } from '../../data/table.js';
import type { CausalRow } from './rows.js';

export interface MadeRow {
  ids: Int32Array;
  /** Of each token, 2 · its place in its sample + whether it counts; absent: one sample, all but its first count. */
  marks?: Int32Array;
  /** UTF-8 bytes of the tokens that count. */
  bytes: number;
  /** Sample of the table that the row begins with, where it is said to be. */
  sample: number;
}

/** A table with these rows as its samples. */
export function rowTable({ origin, ...of }: Table, rows: readonly MadeRow[]): Table {
  const count = rows.length;
  const lists = rows.map(({ ids }) => ids);
  const marks = rows.flatMap((row) => row.marks ?? []);
  const [bytes, file, line] = [shared.float32(count), shared.uint32(count), shared.uint32(count)];
  const length = shared.uint32(count);
  for (const [i, row] of rows.entries()) {
    length[i] = row.ids.length;
    bytes[i] = row.bytes;
    if (!origin.lines) continue;
    file[i] = origin.lines.file[row.sample]!;
    line[i] = origin.lines.line[row.sample]!;
  }
  return {
    ...of,
    count,
    length,
    columns: {
      text: tokensOf(lists),
      ...(marks.length > 0 && { marks: tokensOf(marks) }),
      bytes: { kind: 'numbers', values: bytes, width: 1 },
    },
    origin: { ...origin, lines: origin.lines && { ...origin.lines, file, line } },
  };
}

function tokensOf(lists: readonly Int32Array[]): TokensSlice {
  const chunk = new SharedArrayBuffer(lists.reduce((sum, { length }) => sum + 4 * length + tailBytes, 0));
  const spans = shared.uint32(3 * lists.length);
  let at = 0;
  for (const [i, list] of lists.entries()) {
    const size = 4 * list.length + tailBytes;
    new Int32Array(chunk, at, list.length).set(list);
    spans.set([0, at, size], 3 * i);
    at += size;
  }
  return { kind: 'tokens', chunks: [chunk], spans };
}

/** Whether samples are rows that were made before. */
export const areMade = ({ text }: Slices): boolean => text?.kind === 'tokens';

/** The row that a sample is. */
export function madeRow(slices: Slices, row: number): CausalRow {
  const { ids } = encodedOf(bytesAt(slices.text as TokensSlice, row));
  const bytes = ofKind(slices, 'bytes', 'numbers')?.values[row] ?? 0;
  const made = { ids, sizes: [], bytes, truncated: false };
  if (!slices.marks) return { ...made, counted: ids.map((_, i) => i > 0) };
  const marks = encodedOf(bytesAt(slices.marks as TokensSlice, row)).ids;
  return { ...made, counted: marks.map((mark) => mark % 2 === 1), places: marks.map((mark) => mark >> 1) };
}

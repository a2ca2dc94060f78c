// Samples in memory as columns over shared buffers: the data thread builds a table, the main thread and the encoding
// threads see the same bytes, and nobody holds a JavaScript object per sample. So millions of samples cost neither the
// host's heap nor time to clone. What the values of a column are is for column-kinds.ts. Pictures and large tensors
// stay in their files.

import { columnKind } from './column-kinds.js';
import type { ColumnSlice, Slices } from './columns.js';
import { type PictureSource, placeInSource } from './images/sources.js';
import type { TokenOrigin } from './pack/tokens.js';
import { placeOf, type RecordUnit } from './read/row.js';
import { shared } from './shared-arrays.js';
import { withNames } from './stand-ins.js';

/** Where samples were read. */
export interface Origin {
  files: readonly string[];
  /** Undefined where a column of pictures says where each is. */
  lines?: Lines | undefined;
}

/** Index into the files, and the line there, of each sample. */
export interface Lines {
  file: Uint32Array;
  line: Uint32Array;
  unit: RecordUnit;
}

export interface Table {
  /** Samples. The columns may be longer. */
  count: number;
  /** By role: a column is the slice of all samples. */
  columns: Slices;
  /** Undefined where all weigh 1. */
  weight?: Float32Array | undefined;
  /** Characters of a sample's texts: the key to group by. Undefined where there are no texts. */
  length?: Uint32Array | undefined;
  origin: Origin;
  /** Where a column holds tokens: what they were made with. */
  tokens?: TokenOrigin | undefined;
}

/** Where a sample is, for messages: 'file:line', 'file:row 17' of tensors, the path of a picture. */
export function locationOf({ columns, origin: { files, lines } }: Table, i: number): string {
  if (lines) return withNames(placeOf(files[lines.file[i]!]!, lines.line[i]!, lines.unit));
  const pictures = Object.values(columns).find((column) => column.kind === 'picture');
  if (!pictures) throw new Error('nothing says where the samples of this table are');
  return withNames(placeInSource(pictures.sources[pictures.places[2 * i]!]!, pictures.places[2 * i + 1]!));
}

/** The sources of a table's pictures; none where it has no such column. */
export const pictureSources = ({ columns }: Pick<Table, 'columns'>): readonly PictureSource[] =>
  Object.values(columns).flatMap((column) => (column.kind === 'picture' ? column.sources : []));

/** Each column as `change` makes it. */
export const mapColumns = (columns: Slices, change: (column: ColumnSlice) => ColumnSlice): Slices =>
  Object.fromEntries(Object.entries(columns).map(([role, column]) => [role, change(column)]));

/** The samples at `indices` as a table of their own over the same texts and sources. */
export function subset(table: Table, indices: Uint32Array): Table {
  const { columns, weight, length, origin } = table;
  const pick = <A extends Uint32Array | Float32Array>(values: A, out: A): A => {
    for (let i = 0; i < indices.length; i++) out[i] = values[indices[i]!]!;
    return out;
  };
  const numbers = (values: Uint32Array): Uint32Array => pick(values, shared.uint32(indices.length));
  const { files, lines } = origin;
  return {
    ...table,
    count: indices.length,
    columns: mapColumns(columns, (column) => columnKind(column).take(column, indices, { shared: true })),
    weight: weight && pick(weight, shared.float32(indices.length)),
    length: length && numbers(length),
    origin: { files, lines: lines && { ...lines, file: numbers(lines.file), line: numbers(lines.line) } },
  };
}

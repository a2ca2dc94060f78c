// The columns of a data set and the slices of them that a batch carries to the thread that encodes it. A column has a
// role (what a task reads it as: 'text', 'pair', 'label', 'image', …) and a kind (what its values are); whatever reads,
// hashes, splits, packs or streams data knows kinds, not tasks. All values lie in shared memory and survive structured
// clone.

import type { PictureSource } from './images/sources.js';

export const columnKinds = [
  'text',
  'texts',
  'tokens',
  'class',
  'classes',
  'ranges',
  'numbers',
  'tensor',
  'picture',
] as const;
export type ColumnKind = (typeof columnKinds)[number];

/** Rows whose columns are not simply by their names: texts with entities, questions with answers, chats. */
export interface RowForm {
  kind: 'entities' | 'answers' | 'chats';
  /** Names of columns by role. */
  names: Readonly<Record<string, string>>;
}

/** A column that a task needs. */
export interface ColumnSpec {
  /** What the task calls it: 'text', 'pair', 'label', 'tags', 'image'. */
  role: string;
  kind: ColumnKind;
  /** Its name in the data: a column of a table, a key of an object, a tensor of a file. */
  name: string;
  /** Of a text: the column of objects that have it under its name, as {"translation": {"en": …, "de": …}}. */
  within?: string | undefined;
  /**
   * Names that it may have where it has no such one: of pictures in tables, where a note says which was taken, and of
   * texts within objects.
   */
  others?: readonly string[] | undefined;
  /** Of texts: a number or a boolean is its text, as of classes that nothing lists. */
  named?: boolean | undefined;
  /** Only the loss reads it: not read where there is nothing to learn or measure. Default false. */
  target?: boolean | undefined;
  /** Of numbers: the columns that hold one of them each, in this order; default a list of them, or one, in `name`. */
  parts?: readonly string[] | undefined;
  /** Of numbers: each from 0 to 1 (shares), or such as add up to 1 (distribution); default any. */
  range?: 'shares' | 'distribution' | undefined;
  /** A list of classes has one for each text of the list with this role. */
  each?: string | undefined;
  /** The form of rows that the column is taken out of, with others of the same form (read/forms.ts). */
  form?: RowForm | undefined;
  /** Of classes: those that hold, each once, in a list without gaps, or in a text with `separator` between them. */
  set?: { separator?: string | undefined } | undefined;
}

/** Byte ranges in shared buffers: three numbers a value: index into `chunks`, first byte, bytes. */
export interface Spans {
  chunks: readonly SharedArrayBuffer[];
  spans: Uint32Array;
}

/** UTF-8 texts, one a sample. */
export interface TextSlice extends Spans {
  kind: 'text';
}

/** Lists of UTF-8 texts: the values of sample i are those from `offsets[i]` to `offsets[i + 1]`. */
export interface TextsSlice extends Spans {
  kind: 'texts';
  offsets: Uint32Array;
}

/** Token ids in place of texts, as pack/tokens.ts lays them out. */
export interface TokensSlice extends Spans {
  kind: 'tokens';
}

/** Class of each sample. */
export interface ClassSlice {
  kind: 'class';
  values: Int32Array;
}

/** A list of classes a sample, such as a tag for each word; -100 is no class. Laid out as texts are. */
export interface ClassesSlice {
  kind: 'classes';
  values: Int32Array;
  offsets: Uint32Array;
}

/** A list of ranges of a text a sample, from UTF-16 place to place, two numbers each. Laid out as texts are. */
export interface RangesSlice {
  kind: 'ranges';
  values: Uint32Array;
  offsets: Uint32Array;
}

/** As many float32 numbers for each sample: [samples, width]. */
export interface NumbersSlice {
  kind: 'numbers';
  values: Float32Array;
  width: number;
}

/** A tensor a sample, all of one type and shape: the bytes of sample i are row `rows[i]` of `source`. */
export interface TensorSlice {
  kind: 'tensor';
  dtype: 'float32' | 'int64' | 'int32' | 'bool' | 'uint8' | 'float16';
  /** Of one sample. */
  shape: readonly number[];
  sources: readonly TensorSource[];
  /** Two numbers a sample: index into `sources`, row there. */
  places: Uint32Array;
}

/** Rows of equal size in memory, or in a file from byte `begin` on. */
export interface TensorSource {
  memory?: SharedArrayBuffer | undefined;
  file?: string | undefined;
  begin: number;
}

/** A picture a sample. */
export interface PictureSlice {
  kind: 'picture';
  sources: readonly PictureSource[];
  /** Two numbers a sample: index into `sources`, row there. */
  places: Uint32Array;
}

export type ColumnSlice =
  | TextSlice
  | TextsSlice
  | TokensSlice
  | ClassSlice
  | ClassesSlice
  | RangesSlice
  | NumbersSlice
  | TensorSlice
  | PictureSlice;

/** Columns of a batch's samples, by role. */
export type Slices = Readonly<Record<string, ColumnSlice>>;

/** The column that holds numbers for each sample in place of labels: shares, probabilities or scores. */
export const rowsColumn = (columns: readonly ColumnSpec[]): ColumnSpec | undefined =>
  columns.find(({ role, kind }) => role === targetsRole && kind === 'numbers');

/** Role of numbers that samples are compared with. */
export const targetsRole = 'targets';

/** The column of a role, where it is there and of this kind. */
export function ofKind<K extends ColumnKind>(
  slices: Slices,
  role: string,
  kind: K,
): Extract<ColumnSlice, { kind: K }> | undefined {
  const slice = slices[role];
  return slice?.kind === kind ? (slice as Extract<ColumnSlice, { kind: K }>) : undefined;
}

/** Value `i` of spans as text. */
export const textAt = ({ chunks, spans }: Spans, i: number): string => bytesAt({ chunks, spans }, i).toString();

/** Bytes of value `i` of spans; a view of the shared memory. */
export const bytesAt = ({ chunks, spans }: Spans, i: number): Buffer =>
  Buffer.from(chunks[spans[3 * i]!]!, spans[3 * i + 1]!, spans[3 * i + 2]!);

/** Texts of sample `row`. */
export const textsAt = (slice: TextsSlice, row: number): string[] =>
  Array.from({ length: slice.offsets[row + 1]! - slice.offsets[row]! }, (_, i) =>
    textAt(slice, slice.offsets[row]! + i),
  );

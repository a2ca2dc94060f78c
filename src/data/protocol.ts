// The messages between the main thread and the data thread. Everything here survives structured clone; texts, columns
// and orders lie in SharedArrayBuffers. No request relies on an earlier one: what the thread keeps is only a cache.

import type { ColumnSpec } from './columns.js';
import type { ImageSource } from './images/sources.js';
import type { SharedTensors } from './memory/tensors.js';
import type { ReadForm } from './read/form.js';
import type { OrderOptions } from './sampler.js';
import type { Table } from './table.js';

/** Files, folders and globs; pictures or tensors in memory; rows that were read, or passed over, on the main thread. */
export type DataInput =
  | { files: readonly string[] }
  | { source: ImageSource }
  | { tensors: SharedTensors }
  | { table: Table; names: readonly string[] }
  | { pass: RowsPass };

/** What a pass over the rows of a function found. */
export interface RowsPass {
  /** The option that the function was given as. */
  name: string;
  samples: number;
  /** The classes that were met, and the samples of each. */
  names: readonly string[];
  counts: readonly number[];
  hash: string;
}

export interface OpenRequest {
  /** What to read; a column of pictures takes folders and lists of them, too. */
  columns: readonly ColumnSpec[];
  /** Column, or tensor, with the weights of the training samples. */
  weights?: string | undefined;
  train: DataInput;
  eval?: DataInput | undefined;
  test?: DataInput | undefined;
  /** The classes in their order; left out, the training data decides. Without a column of labels there is one class. */
  labels?: readonly string[] | undefined;
  /** How many classes there are, where nothing names them. */
  numLabels?: number | undefined;
  /** Several labels of a sample may hold at once; default false. */
  multiLabel?: boolean | undefined;
  /** Share of the training data to hold out as `eval`. */
  evalSplit?: number | undefined;
  seed: number;
  /** Leaves the training data in its files; default false. */
  streaming?: boolean | undefined;
  /** How files are read. */
  form?: ReadForm | undefined;
  /** Whether hashes are wanted, which read from every file; default true. */
  hashed?: boolean | undefined;
  /** A folder for what has to be unpacked. */
  scratch: string;
}

/** Files that are read again in every epoch, as the first pass over them found them. */
export interface StreamFile {
  path: string;
  records: number;
  bytes: number;
  modifiedMs: number;
}

export interface OpenedPart {
  files: readonly string[];
  samples: number;
  /** Empty where none was wanted. */
  hash: string;
  classCounts: readonly number[];
  /** In memory, in its files, or given by a function. */
  source: { table: Table } | { stream: readonly StreamFile[] } | { generated: true };
}

export interface OpenedData {
  labels: readonly string[];
  /** Whether data or options name the classes: else they are called by their numbers. */
  named: boolean;
  train: OpenedPart;
  eval?: OpenedPart;
  test?: OpenedPart;
  /** What the user should know. */
  notes: readonly string[];
}

export interface RelabelRequest {
  tables: readonly Table[];
  /** The class that each class becomes. */
  classes: readonly number[];
}

export interface BlockRequest {
  files: readonly StreamFile[];
  /** Indices into `files` in the order they are read. */
  sequence: readonly number[];
  columns: readonly ColumnSpec[];
  weights?: string | undefined;
  form?: ReadForm | undefined;
  labels: readonly string[];
  /** Records of the sequence that come before the block, and in it. */
  from: number;
  count: number;
  /** Which of the thread's buffers to fill: what it held before is overwritten. */
  buffer: number;
  /** How its samples are put in order. */
  order: Pick<OrderOptions, 'batchSize' | 'seed' | 'epoch' | 'sampling' | 'groupByLength'>;
}

export interface Block {
  table: Table;
  /** Indices into the table. */
  order: Uint32Array;
  /** Number of every record among all of the stream's files. */
  sample: Uint32Array;
}

export type DataTask =
  | ({ kind: 'open' } & OpenRequest)
  | ({ kind: 'relabel' } & RelabelRequest)
  | ({ kind: 'order' } & OrderOptions)
  | ({ kind: 'block' } & BlockRequest);

/** What each kind of task is answered with. */
export interface DataAnswers {
  open: OpenedData;
  relabel: undefined;
  order: Uint32Array;
  block: Block;
}

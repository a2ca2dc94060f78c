// The messages between the main thread and the data thread. Everything here survives structured clone; texts, columns
// and orders lie in SharedArrayBuffers. No request relies on an earlier one: what the thread keeps is only a cache.

import type { ColumnSpec } from './columns.js';
import type { ReadTable } from './found.js';
import type { ImageSource } from './images/sources.js';
import type { FileLabels } from './label-meaning.js';
import type { LabelReading } from './labels.js';
import type { SharedTensors } from './memory/tensors.js';
import type { ReadForm } from './read/form.js';
import type { OrderOptions } from './sampler.js';
import type { Table } from './table.js';

/** Files, folders and globs; pictures or tensors in memory; rows that were read, or passed over, on the main thread. */
export type DataInput =
  | { files: readonly string[] }
  | { source: ImageSource }
  | { tensors: SharedTensors }
  | ReadTable
  | { pass: RowsPass };

/** What a pass over the rows of a function found. */
export interface RowsPass {
  /** The option that the function was given as. */
  name: string;
  samples: number;
  /** The labels that were met, and the samples of each. */
  labels: FileLabels;
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
  /** Texts without labels that are trained on beside the training data, and their columns. */
  corpus?: { input: DataInput; columns: readonly ColumnSpec[] } | undefined;
  /** Names of the classes in the order of their numbers; left out, the training data decides. */
  labelNames?: readonly string[] | undefined;
  /** Names of the classes of the model that is trained; none: it has none. */
  modelLabels?: readonly string[] | undefined;
  /** The classes that the data is measured against; undefined: the training data decides. */
  classes?: readonly string[] | undefined;
  /** Nothing is trained on `train`; default false. */
  measured?: boolean | undefined;
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
  /** How labels are read, of each file; for data that is not in memory. */
  readings: readonly LabelReading[];
  /** In memory, in its files, given by a function, or asked for by number, which a table without the texts has. */
  source: { table: Table } | { stream: readonly StreamFile[] } | { generated: true } | { asked: Table };
}

export interface OpenedData {
  labels: readonly string[];
  /** Whether data, options or model name the classes: else they are called by their numbers. */
  named: boolean;
  train: OpenedPart;
  eval?: OpenedPart;
  test?: OpenedPart;
  corpus?: OpenedPart;
  /** What the user should know. */
  notes: readonly string[];
}

export interface BlockRequest {
  files: readonly StreamFile[];
  /** Indices into `files` in the order they are read. */
  sequence: readonly number[];
  columns: readonly ColumnSpec[];
  weights?: string | undefined;
  form?: ReadForm | undefined;
  /** Of the classes. */
  labels: readonly string[];
  /** How each file's labels are read. */
  readings: readonly LabelReading[];
  /** Records of the sequence that come before the block, and in it. */
  from: number;
  count: number;
  /** Which of the thread's buffers to fill: what it held before is overwritten. */
  buffer: number;
  /** Roles of texts that samples of one batch are not to have in common. */
  distinct?: readonly string[] | undefined;
  /** The role of the classes that samples of one batch are to have in common, two by two. */
  alike?: readonly [string] | undefined;
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
  | ({ kind: 'order' } & OrderOptions)
  | ({ kind: 'block' } & BlockRequest);

/** What each kind of task is answered with. */
export interface DataAnswers {
  open: OpenedData;
  order: Uint32Array;
  block: Block;
}

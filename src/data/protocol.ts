// What the main thread and the data thread tell each other. Everything here survives structured clone; texts, columns
// and orders lie in SharedArrayBuffers. No request relies on an earlier one: what the thread keeps is only a cache.

import type { ImageOpenRequest, OpenedImages, OpenedUnlabelled, UnlabelledRequest } from './images/open-images.js';
import type { Columns } from './read/record.js';
import type { OrderOptions } from './sampler.js';
import type { TextTable } from './table.js';

export interface OpenRequest {
  columns: Columns;
  /** Files and globs. */
  train: readonly string[];
  eval?: readonly string[] | undefined;
  test?: readonly string[] | undefined;
  /** The classes in their order; left out, the training data decides. Without a column of labels there is one class. */
  labels?: readonly string[] | undefined;
  /** Share of the training data to hold out as `eval`. */
  evalSplit?: number | undefined;
  seed: number;
  /** Leaves the training data in its files. */
  streaming: boolean;
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
  hash: string;
  classCounts: readonly number[];
  /** In memory, or in its files. */
  source: { table: TextTable } | { stream: readonly StreamFile[] };
}

export interface OpenedData {
  labels: readonly string[];
  train: OpenedPart;
  eval?: OpenedPart;
  test?: OpenedPart;
  notes: readonly string[];
}

/** The labels of a table. */
export interface LabelColumns {
  count: number;
  /** Class of each sample. */
  label: Int32Array;
  /** [count, classes] where samples have more than a class. */
  targets?: Float32Array | undefined;
}

export interface RelabelRequest {
  tables: readonly LabelColumns[];
  /** The class that each class becomes. */
  classes: readonly number[];
}

export interface BlockRequest {
  files: readonly StreamFile[];
  /** Indices into `files` in the order they are read. */
  sequence: readonly number[];
  columns: Columns;
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
  table: TextTable;
  /** Indices into the table. */
  order: Uint32Array;
  /** Number of every record among all of the stream's files. */
  sample: Uint32Array;
}

export type DataTask =
  | ({ kind: 'openImages' } & ImageOpenRequest)
  | ({ kind: 'openUnlabelled' } & UnlabelledRequest)
  | ({ kind: 'open' } & OpenRequest)
  | ({ kind: 'relabel' } & RelabelRequest)
  | ({ kind: 'order' } & OrderOptions)
  | ({ kind: 'block' } & BlockRequest);

/** What each kind of task is answered with. */
export interface DataAnswers {
  open: OpenedData;
  openImages: OpenedImages;
  openUnlabelled: OpenedUnlabelled;
  relabel: undefined;
  order: Uint32Array;
  block: Block;
}

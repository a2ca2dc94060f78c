// What the thread that retrieves texts is asked for, and what it answers.

import type { ReadForm } from '../read/form.js';

export interface RetrieveRequest {
  /** Files of the texts that others are wanted for, and of the texts to choose from: paths and patterns. */
  queries: readonly string[];
  corpus: readonly string[];
  /** Columns of the queries, which are one text together, and of the corpus. */
  queryColumns: readonly string[];
  textColumn: string;
  /** Texts for each query. */
  most: number;
  form?: ReadForm | undefined;
  /** JSONL to write them to, each once, in the order of the corpus. */
  output: string;
}

export interface Retrieved {
  /** Different texts that others were wanted for. */
  queries: number;
  /** Texts to choose from. */
  documents: number;
  /** Different texts that were chosen. */
  texts: number;
  /** What was assumed of the files. */
  notes: readonly string[];
}

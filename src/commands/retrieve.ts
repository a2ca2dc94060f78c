// The texts of a large corpus that are nearest to those of a task, by BM25: what `ortune retrieve` writes.

import type { RetrieveConfig } from '../config/retrieve-schema.js';
import { formOf } from '../data/read/form.js';
import { retrieve } from '../data/retrieve/retrieve.js';

export interface RetrieveResult {
  output: string;
  /** Different texts that others were wanted for. */
  queries: number;
  /** Texts to choose from, and how many were chosen. */
  documents: number;
  texts: number;
  notes: readonly string[];
}

/** @throws UsageError, DataError, OrtuneError as retrieve of src/data/retrieve; the signal's reason */
export async function retrieveTexts(config: RetrieveConfig, signal?: AbortSignal): Promise<RetrieveResult> {
  const { data, corpus, top, textColumn, pairColumn, corpusColumn = textColumn, output } = config;
  const queryColumns = pairColumn === undefined ? [textColumn] : [textColumn, pairColumn];
  const request = { queries: data, corpus, queryColumns, textColumn: corpusColumn, most: top, form: formOf(config) };
  return { output, ...(await retrieve({ ...request, output }, signal)) };
}

// What the samples of a task are, in a word, for messages and for how a command reads its arguments.

import type { ColumnSpec } from '../data/columns.js';
import { DataError } from '../errors.js';

/**
 * Words are those of texts, which may be given as texts or cut already; questions are pairs of texts, or texts about
 * one that is given beside them.
 */
export type Reads = 'texts' | 'words' | 'questions' | 'pictures' | 'tensors';

export function readsOf(columns: readonly ColumnSpec[]): Reads {
  const kinds = new Set(columns.filter(({ target }) => !target).map(({ kind }) => kind));
  if (columns.some(({ form }) => form?.kind === 'answers')) return 'questions';
  if (kinds.has('texts')) return 'words';
  if (kinds.has('text')) return 'texts';
  return kinds.has('picture') ? 'pictures' : 'tensors';
}

/** Throws what was thrown while data were opened; of data without a column with what the model reads. */
export function whatIsRead(model: string, reads: Reads): (error: unknown) => never {
  return (error) => {
    if (error instanceof DataError && /: no column '/.test(error.message))
      error.message += `. ${model} reads ${reads}; name the column, if it is called otherwise`;
    throw error;
  };
}

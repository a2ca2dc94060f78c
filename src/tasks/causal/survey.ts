// What becomes of all samples before training: which have no token that counts and are left out, and how many are cut.
// It is said then, with numbers, and not after hours of training on half of the data.

import { locationOf, type Table } from '../../data/table.js';
import { TokenizerEnded, TokenizerProcess } from '../../data/tokenizer/process.js';
import { DataError, ModelError } from '../../errors.js';
import { formatCount } from '../../format.js';
import type { CausalEncoding } from './encode.js';
import { rowsOfTable } from './read-table.js';
import type { CausalRow, Form, RowOptions } from './rows.js';

/** Is given each row with a token that counts, the sample that it is of, and the table's number. */
export type TakeRow = (row: CausalRow, sample: number, table: number) => void;

export interface SurveyedRows {
  /** Of each table 1 for each sample that is used, 0 for others; undefined: all are. */
  kept: (Uint32Array | undefined)[];
  notes: string[];
}

/**
 * Tokenises all samples of tables.
 * @throws DataError for one that cannot be tokenised, with its place, and for a table without a token that counts
 */
export async function surveyRows(
  encoding: CausalEncoding,
  tables: readonly Table[],
  take: TakeRow = () => {},
): Promise<SurveyedRows> {
  const process = new TokenizerProcess(encoding, { background: false });
  try {
    if (encoding.rows.form === 'chat') await refuseTemplate(process, encoding);
    const kept: SurveyedRows['kept'] = [];
    const notes: string[] = [];
    for (const [i, table] of tables.entries()) {
      const taken = (row: CausalRow, sample: number) => take(row, sample, i);
      const { used, cut, dropped } = await surveyed(process, encoding, table, taken);
      const count = used.reduce((sum, one) => sum + one, 0);
      const files = table.origin.files.join(', ');
      const { maxLength, keep, form } = encoding.rows;
      const what = form === 'text' ? 'texts' : 'samples';
      if (count === 0 && table.count > 0)
        throw new DataError(
          `${files}: none of its ${what} has a token that counts, so there is nothing to learn; the first of ${formatCount(table.count)} is at ${locationOf(table, 0)}. ` +
            whyNone(encoding.rows, { cut }),
        );
      if (cut > 0)
        notes.push(
          `${files}: ${formatCount(cut)} of ${formatCount(table.count)} ${what} are longer than ${maxLength} tokens and are cut at their ${keep === 'start' ? 'end' : 'beginning'}${form === 'text' ? '; packing blocks learns all of them' : ''}`,
        );
      if (dropped.length > 0)
        notes.push(
          `${files}: ${formatCount(dropped.length)} of ${formatCount(table.count)} ${what} have no token that counts and are left out, ` +
            `the first at ${locationOf(table, dropped[0]!)}${form !== 'text' && cut > 0 ? ': what is cut off is all of their completions. Raise maxLength, or set truncationSide left' : ''}`,
        );
      kept.push(dropped.length > 0 ? used : undefined);
    }
    return { kept, notes };
  } finally {
    await process.close();
  }
}

const empty: Readonly<Record<Form, string>> = {
  text: 'Texts of one token or none teach nothing',
  prompt: 'Their completions are empty',
  chat: 'In none of the chats the assistant says anything',
};

/** What may be the matter with samples of which no token counts. @param cut how many of them are too long */
function whyNone({ form, maxLength, keep }: RowOptions, { cut }: { cut: number }): string {
  if (cut === 0) return empty[form];
  const end = keep === 'start' ? 'end' : 'beginning';
  const other = keep === 'start' ? ', or set truncationSide left' : '';
  return `${formatCount(cut)} of them are longer than ${maxLength} tokens and lose at their ${end} all that would count: raise maxLength${other}`;
}

/** @throws ModelError where the model has no chat template that can be used */
export async function checkTemplate(encoding: CausalEncoding): Promise<void> {
  const process = new TokenizerProcess(encoding, { background: false });
  try {
    await refuseTemplate(process, encoding);
  } finally {
    await process.close();
  }
}

async function refuseTemplate(process: TokenizerProcess, { directory }: CausalEncoding): Promise<void> {
  await process.request({ kind: 'chats', texts: [], prompts: false }).catch((error: Error) => {
    if (error instanceof ModelError || error instanceof TokenizerEnded) throw error;
    throw new ModelError(`the tokenizer of ${directory} cannot be used: ${error.message}`);
  });
}

async function surveyed(
  process: TokenizerProcess,
  { rows: options }: CausalEncoding,
  table: Table,
  take: (row: CausalRow, sample: number) => void,
) {
  const used = new Uint32Array(table.count).fill(1);
  const dropped: number[] = [];
  let cut = 0;
  for await (const { row, sample } of rowsOfTable(process, table, options)) {
    if (row.truncated) cut++;
    if (row.counted.includes(true)) take(row, sample);
    else {
      used[sample] = 0;
      dropped.push(sample);
    }
  }
  return { used, cut, dropped };
}

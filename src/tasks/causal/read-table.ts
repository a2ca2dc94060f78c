// All rows of a table in turn, tokenised a portion at a time: how data are surveyed and packed before a run.

import { locationOf, type Table } from '../../data/table.js';
import { TokenizerEnded, type TokenizerProcess } from '../../data/tokenizer/process.js';
import { DataError } from '../../errors.js';
import { type CausalRow, cannotRead, type RowOptions, readRows } from './rows.js';

/** Characters of texts that are tokenised in one request, and their number, at most. */
const [mostCharacters, mostTexts] = [2 ** 18, 256];

/** @throws DataError for a sample that cannot be tokenised, with its place */
export async function* rowsOfTable(
  process: TokenizerProcess,
  table: Table,
  options: RowOptions,
): AsyncGenerator<{ row: CausalRow; sample: number }, void, void> {
  const refuse = (sample: number, why: string): never => {
    throw new DataError(`${locationOf(table, sample)}: ${cannotRead(options, why)}`);
  };
  for (const members of portions(table)) {
    const rows = await readRows(process, table.columns, members, options).catch((error) => {
      if (error instanceof TokenizerEnded) refuse(members[error.item ?? 0]!, error.message);
      throw error;
    });
    for (const [i, row] of rows.entries()) {
      if ('error' in row) refuse(members[i]!, row.error);
      else yield { row, sample: members[i]! };
    }
  }
}

/** Samples of a table that are tokenised together. */
function* portions({ count, length }: Table): Generator<number[], void, void> {
  let members: number[] = [];
  let characters = 0;
  for (let row = 0; row < count; row++) {
    members.push(row);
    characters += length?.[row] ?? 0;
    if (characters < mostCharacters && members.length < mostTexts) continue;
    yield members;
    members = [];
    characters = 0;
  }
  if (members.length > 0) yield members;
}

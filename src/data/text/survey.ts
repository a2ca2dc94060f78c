// What is said of texts and tokenizer before training: tokens that the vocabulary or the model does not have, and texts
// that transformers.js will read otherwise. A sample of the texts is looked at; all of them only where the tokenizer
// has tokens that the model does not.

import { join } from 'node:path';
import { DataError } from '../../errors.js';
import { shown } from '../../quote.js';
import { bytesAt, ofKind } from '../columns.js';
import { encodedOf, idProblem } from '../pack/tokens.js';
import { locationOf, type Table } from '../table.js';
import { TokenizerEnded, TokenizerProcess } from '../tokenizer/process.js';
import { mostUnits, type Survey, type TextEncoding, type TokenizerFacts } from '../tokenizer/protocol.js';
import { windowSource } from './windows.js';

/** Texts of a table that are looked at. */
const sampled = 256;
/** Texts that are tokenised in one request. */
const block = 256;
/** Share of unknown tokens above which it is said. */
const muchUnknown = 0.1;

/**
 * Notes for the user.
 * @throws DataError, with its place, for a text with a token that the model does not have; ModelError for a tokenizer
 *   that cannot be used
 */
export async function surveyTexts(encoding: TextEncoding, tables: readonly Table[]): Promise<string[]> {
  const process = new TokenizerProcess(encoding, { background: false });
  try {
    const facts = await process.facts();
    const notes = facts.notes.map((note) => `${encoding.directory}: ${note}`);
    const beyond = await notesOfBeyond(process, encoding, facts, tables);
    const texts = tables.filter((table) => !ofKind(table.columns, 'text', 'tokens'));
    if (beyond.length === 0) for (const table of texts) await refuseLong(process, table);
    return [...notes, ...beyond, ...(await notesOfSample(process, texts))];
  } finally {
    await process.close();
  }
}

async function notesOfBeyond(
  process: TokenizerProcess,
  { directory, embeddingRows = Number.POSITIVE_INFINITY }: TextEncoding,
  { largestId }: TokenizerFacts,
  tables: readonly Table[],
): Promise<string[]> {
  for (const table of tables) refusePacked(table, embeddingRows);
  if (largestId < embeddingRows) return [];
  for (const table of tables) await refuseBeyond(process, table);
  return [
    `${join(directory, 'tokenizer.json')} has tokens with ids up to ${largestId}, and the model's embedding has ${embeddingRows} rows; ` +
      'no text of the data has such a token, and one that does cannot be read',
  ];
}

/** Looks at all rows of a packed table. */
function refusePacked(table: Table, rows: number): void {
  const packed = ofKind(table.columns, 'text', 'tokens');
  for (let row = 0; packed && row < table.count; row++) {
    const problem = idProblem(encodedOf(bytesAt(packed, row)).ids, rows);
    if (problem !== undefined) throw new DataError(`${locationOf(table, row)}: ${problem}`);
  }
}

/** Tokenises all texts of a table. */
async function refuseBeyond(process: TokenizerProcess, table: Table): Promise<void> {
  if (ofKind(table.columns, 'text', 'tokens')) return;
  for (let first = 0; first < table.count; first += block)
    await refuseAmong(
      process,
      table,
      Array.from({ length: Math.min(block, table.count - first) }, (_, i) => first + i),
    );
}

/** Tokenises the texts of a table that may be too long to be, one by one. */
async function refuseLong(process: TokenizerProcess, table: Table): Promise<void> {
  for (let row = 0; row < table.count; row++)
    if ((table.length?.[row] ?? 0) > mostUnits) await refuseAmong(process, table, [row]);
}

/** @throws DataError, with its place, for the first of the texts that cannot be tokenised */
async function refuseAmong(process: TokenizerProcess, table: Table, members: readonly number[]): Promise<void> {
  const refuse = (row: number, why: string): never => {
    throw new DataError(`${locationOf(table, row)}: ${why}`);
  };
  for (const [i, one] of (await tokensOf(process, table, members, refuse)).entries())
    if ('error' in one) refuse(members[i]!, `the text cannot be tokenised: ${one.error}`);
}

function tokensOf(
  process: TokenizerProcess,
  { columns }: Table,
  members: readonly number[],
  refuse: (row: number, why: string) => never,
) {
  const sources = members.map((row) => windowSource(columns, row));
  const lists = sources.flatMap((source) => ('words' in source ? [source.words] : []));
  const asked =
    lists.length === sources.length
      ? process.request({ kind: 'words', texts: lists })
      : process.texts(
          sources.map((source): [string, string] =>
            'words' in source ? [source.words.join(' '), ''] : [source.text, source.pair ?? ''],
          ),
        );
  return asked.catch((error) => endedAt(error, members, refuse));
}

function endedAt(error: Error, members: readonly number[], refuse: (row: number, why: string) => never): never {
  if (error instanceof TokenizerEnded)
    refuse(members[error.item ?? 0]!, `the text cannot be tokenised: ${error.message}`);
  throw error;
}

interface Place {
  table: Table;
  row: number;
}

/** Texts here and there in the tables. */
const placesIn = (tables: readonly Table[]): Place[] =>
  tables.flatMap((table) => {
    const count = Math.min(sampled, table.count);
    return Array.from({ length: count }, (_, i) => ({ table, row: Math.floor((i * table.count) / count) }));
  });

/** @throws DataError, with its place, for a text that cannot be tokenised */
function surveyOf(process: TokenizerProcess, places: readonly Place[]): Promise<Survey> {
  const texts = places.map(({ table, row }) => wholeText(table, row));
  return process.request({ kind: 'survey', texts }).catch((error) => {
    const rows = [...places.keys()];
    return endedAt(error, rows, (i, why) => {
      throw new DataError(`${locationOf(places[i]!.table, places[i]!.row)}: ${why}`);
    });
  });
}

/** Of texts here and there in a table: how many tokens they are, and how many of these the vocabulary does not have. */
export async function unknownTokens(
  encoding: TextEncoding,
  table: Table,
): Promise<Pick<Survey, 'tokens' | 'unknown'> & { texts: number }> {
  const process = new TokenizerProcess(encoding, { background: false });
  try {
    const places = placesIn([table]);
    const { tokens, unknown } = await surveyOf(process, places);
    return { texts: places.length, tokens, unknown };
  } finally {
    await process.close();
  }
}

async function notesOfSample(process: TokenizerProcess, tables: readonly Table[]): Promise<string[]> {
  const places = placesIn(tables);
  if (places.length === 0) return [];
  const { tokens, unknown, unknownParts, unlike, firstUnlike } = await surveyOf(process, places);
  const notes: string[] = [];
  const looked = `of ${places.length} texts that were looked at`;
  if (unknown > muchUnknown * tokens)
    notes.push(
      `warning: ${Math.round((100 * unknown) / tokens)} % of the tokens ${looked} are unknown to the model's tokenizer, ` +
        `such as ${unknownParts.map((part) => `'${shown(part, 40)}'`).join(', ')}: the model cannot tell them apart. ` +
        'Choose a model for the language of the texts',
    );
  if (unlike > 0) {
    const { table, row } = places[firstUnlike!]!;
    notes.push(
      `transformers.js makes other tokens than Python's transformers, which training follows, of ${unlike} ${looked} ` +
        `(the first: ${locationOf(table, row)}); of such texts it may predict otherwise`,
    );
  }
  return notes;
}

function wholeText({ columns }: Table, row: number): string {
  const source = windowSource(columns, row);
  return 'words' in source ? source.words.join(' ') : [source.text, source.pair].filter(Boolean).join(' ');
}

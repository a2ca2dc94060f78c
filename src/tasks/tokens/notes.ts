// What is said of texts whose tokens do not carry all that was given: texts without a word, words of which no token is
// made, and ranges that end within a token. None of it ends a run, since real data have a few; data of nothing else do.

import { bytesOfSpans } from '../../data/column-kinds.js';
import { ofKind, textAt } from '../../data/columns.js';
import { locationOf, type Table } from '../../data/table.js';
import { windowSource } from '../../data/text/windows.js';
import { TokenizerEnded, TokenizerProcess } from '../../data/tokenizer/process.js';
import type { TextEncoding } from '../../data/tokenizer/protocol.js';
import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import { trimmed } from './labels.js';

/** Texts of a table whose ranges are looked at. */
const sampled = 1024;
/** Texts that are asked about at once. */
const block = 256;

/**
 * The answer to each item; undefined where their block ended the tokenizer, which encoding them will say of its text.
 */
async function inBlocks<Item, Answer>(
  items: readonly Item[],
  ask: (items: Item[]) => Promise<readonly Answer[]>,
): Promise<(Answer | undefined)[]> {
  const answers: (Answer | undefined)[] = [];
  for (let at = 0; at < items.length; at += block) {
    const asked = items.slice(at, at + block);
    const found = await ask(asked).catch((error): (Answer | undefined)[] => {
      if (error instanceof TokenizerEnded) return asked.map(() => undefined);
      throw error;
    });
    answers.push(...found);
  }
  return answers;
}

/** What the user should know. @throws DataError for data of which no text has a word */
export async function tokenNotes(encoding: TextEncoding, stride: number, tables: readonly Table[]): Promise<string[]> {
  const process = new TokenizerProcess(encoding, { background: false });
  try {
    const notes: string[] = [];
    for (const table of tables) {
      notes.push(...noteOfEmpty(table), ...(await noteOfWords(process, table)));
      notes.push(...(await noteOfRanges(process, stride, table)));
    }
    return notes;
  } finally {
    await process.close();
  }
}

function noteOfEmpty(table: Table): string[] {
  const words = ofKind(table.columns, 'words', 'texts');
  const texts = ofKind(table.columns, 'text', 'text');
  const bytes = texts && bytesOfSpans(texts);
  const empty = Array.from({ length: table.count }, (_, row) => row).filter((row) => {
    if (words && words.offsets[row + 1]! > words.offsets[row]!) return false;
    // Few begin with what may be white space.
    const [first = 0] = bytes?.(row) ?? [];
    if (first > 0x20 && first < 0x7f) return false;
    const source = windowSource(table.columns, row);
    return 'words' in source ? source.words.length === 0 : source.text.trim() === '';
  });
  if (empty.length === 0) return [];
  const first = locationOf(table, empty[0]!);
  if (empty.length === table.count)
    throw new DataError(`${first}: the text is empty, and so are all others of ${table.origin.files.join(', ')}`);
  return [`${empty.length} of ${table.count} texts are empty (the first: ${first}): there is nothing to learn in them`];
}

/** Words that show nothing are the ones of which there may be no token. */
async function noteOfWords(process: TokenizerProcess, table: Table): Promise<string[]> {
  const words = ofKind(table.columns, 'words', 'texts');
  if (!words) return [];
  const bytes = bytesOfSpans(words);
  const places = new Map<string, { row: number; count: number }>();
  for (let row = 0; row < table.count; row++)
    for (let k = words.offsets[row]!; k < words.offsets[row + 1]!; k++) {
      if (bytes(k).some((byte) => byte > 0x20 && byte < 0x7f)) continue;
      const word = textAt(words, k);
      const known = places.get(word);
      if (known) known.count++;
      else if (/^[\s\p{C}\p{M}]*$/u.test(word)) places.set(word, { row, count: 1 });
    }
  if (places.size === 0) return [];
  const found = await inBlocks([...places.keys()], (words) =>
    process.request({ kind: 'words', texts: words.map((word) => [word]) }),
  );
  const without = [...places].filter((_, i) => found[i] && !('words' in found[i] && found[i].words.includes(0)));
  if (without.length === 0) return [];
  const count = without.reduce((sum, [, one]) => sum + one.count, 0);
  const [word, { row }] = without[0]!;
  return [
    `the tokenizer makes no token of ${count} words (the first: ${quote(word)} in ${locationOf(table, row)}): ` +
      'their tags are neither learnt nor measured',
  ];
}

async function noteOfRanges(process: TokenizerProcess, stride: number, table: Table): Promise<string[]> {
  const ranges = ofKind(table.columns, 'spans', 'ranges');
  if (!ranges) return [];
  const rows = Array.from({ length: table.count }, (_, row) => row).filter(
    (row) => ranges.offsets[row + 1]! > ranges.offsets[row]!,
  );
  const count = Math.min(sampled, rows.length);
  const looked = Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)]!);
  if (count === 0) return [];
  const texts = looked.map((row) => ({ text: textAt(ofKind(table.columns, 'text', 'text')!, row) }));
  const found = await inBlocks(texts, (some) => process.request({ kind: 'windows', texts: some, stride }));
  let [seen, cut] = [0, 0];
  let example = '';
  for (const [i, window] of found.entries()) {
    if (!window || 'error' in window) continue;
    const [{ text }, row] = [texts[i]!, looked[i]!];
    const tokens = window.words.flatMap((word, k) =>
      word < 0 ? [] : [trimmed(text, window.places[2 * k]!, window.places[2 * k + 1]!)],
    );
    for (let k = ranges.offsets[row]!; k < ranges.offsets[row + 1]!; k++) {
      const [start, end] = [ranges.values[2 * k]!, ranges.values[2 * k + 1]!];
      if (end > (tokens.at(-1)?.[1] ?? 0)) continue; // behind the first window
      seen++;
      const within = tokens.find(([from, to]) => (from < start && start < to) || (from < end && end < to));
      if (!within) continue;
      if (cut++ === 0)
        example = `${locationOf(table, row)}, ${quote(text.slice(start, end), 60)} in the token ${quote(text.slice(...within), 60)}`;
    }
  }
  if (cut === 0) return [];
  return [
    `${cut} of ${seen} ranges that were looked at begin or end within a token, all of which is labelled (the first: ` +
      `${example}): such entities are learnt and predicted with its other characters`,
  ];
}

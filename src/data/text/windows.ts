// Long texts as several samples: how many windows each has is counted when data are opened, the table then has a sample
// for each, with a column that says which window of which text it is, and its encoder takes that one. So windows are
// shuffled, batched and resumed like any samples.

import { bytesOfSpans } from '../column-kinds.js';
import { type ColumnSlice, ofKind, type Slices, textAt, textsAt } from '../columns.js';
import { shared } from '../shared-arrays.js';
import { subset, type Table } from '../table.js';
import { mostSpecial, type WindowSource } from '../tokenizer/encoded.js';
import { TokenizerProcess } from '../tokenizer/process.js';
import type { TextEncoding } from '../tokenizer/protocol.js';

/** Role of the column. */
const role = 'window';

/** Where a sample is among the windows of its text. */
export interface Part {
  /** Number of the text within its data. */
  text: number;
  window: number;
  windows: number;
}

/** What a row's windows are made of: its words where it has a list of them, else its text, and its pair. */
export function windowSource(slices: Slices, row: number): WindowSource {
  const words = ofKind(slices, 'words', 'texts');
  if (words && (words.offsets[row + 1]! > words.offsets[row]! || !slices.text)) return { words: textsAt(words, row) };
  const pair = ofKind(slices, 'pair', 'text');
  const text = textAt(ofKind(slices, 'text', 'text')!, row);
  return pair ? { text, pair: textAt(pair, row) } : { text };
}

/** Undefined where texts were not divided. */
export function partOf(slices: Slices, row: number): Part | undefined {
  const column = ofKind(slices, role, 'numbers');
  if (!column) return undefined;
  const [text, window, windows] = column.values.subarray(3 * row, 3 * row + 3) as unknown as [number, number, number];
  return { text, window, windows };
}

/** Texts that are tokenised in one request. */
const block = 256;

/**
 * The number of windows of each sample of a table; undefined where all have one. Those that are too short for a second
 * are not tokenised; ones that cannot be tokenised are left to their encoder.
 */
export async function countWindows(
  encoding: TextEncoding,
  stride: number,
  tables: readonly Table[],
): Promise<(Uint32Array | undefined)[]> {
  const process = new TokenizerProcess(encoding, { background: false });
  try {
    const counts: (Uint32Array | undefined)[] = [];
    for (const table of tables) counts.push(await countsOf(process, stride, table, encoding.maxLength - mostSpecial));
    return counts;
  } finally {
    await process.close();
  }
}

async function countsOf(
  process: TokenizerProcess,
  stride: number,
  { columns, count }: Table,
  short: number,
): Promise<Uint32Array | undefined> {
  const sizes = ['text', 'pair', 'words'].flatMap((name) => sizeOf(columns[name]));
  const long = Array.from({ length: count }, (_, i) => i).filter(
    (i) => sizes.reduce((sum, size) => sum + size(i), 0) > short,
  );
  const counts = new Uint32Array(count).fill(1);
  for (let at = 0; at < long.length; at += block) {
    const rows = long.slice(at, at + block);
    const texts = rows.map((row) => windowSource(columns, row));
    const found = await process.request({ kind: 'windowCounts', texts, stride }).catch(() => []);
    for (const [i, one] of found.entries()) counts[rows[i]!] = 'count' in one ? one.count : 1;
  }
  return counts.some((windows) => windows > 1) ? counts : undefined;
}

/** Bytes of a sample's texts, and one more for each of them: of tokens there are hardly more. */
function sizeOf(column: ColumnSlice | undefined): ((row: number) => number)[] {
  if (column?.kind !== 'text' && column?.kind !== 'texts') return [];
  const bytes = bytesOfSpans(column);
  if (column.kind === 'text') return [(row) => bytes(row).length + 1];
  const { offsets } = column;
  return [
    (row) => {
      let size = 0;
      for (let k = offsets[row]!; k < offsets[row + 1]!; k++) size += bytes(k).length + 1;
      return size;
    },
  ];
}

/** The table with a sample for each window. */
export function divided(table: Table, counts: Uint32Array): Table {
  const total = counts.reduce((sum, windows) => sum + windows, 0);
  const texts = new Uint32Array(total);
  const values = shared.float32(3 * total);
  for (let text = 0, at = 0; text < counts.length; text++)
    for (let window = 0; window < counts[text]!; window++, at++) {
      texts[at] = text;
      values.set([text, window, counts[text]!], 3 * at);
    }
  const taken = subset(table, texts);
  return { ...taken, columns: { ...taken.columns, [role]: { kind: 'numbers', values, width: 3 } } };
}

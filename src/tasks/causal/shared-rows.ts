// Whole samples that share rows: as many as have room in one, each beside others that it does not see (apart.ts). Best
// fit, the longest first (Johnson, 1973), so that hardly a row is padded. Which samples share a row depends on them
// alone.

import type { Table } from '../../data/table.js';
import type { EncodingPlan } from '../task.js';
import type { CausalEncoding } from './encode.js';
import { type MadeRow, rowTable } from './row-table.js';
import type { CausalRow } from './rows.js';
import { surveyRows, type TakeRow } from './survey.js';

/**
 * Of the training data, the first of the tables, one with a sample for each row. Others stay as they are, a sample in
 * each row, for figures of each: `windows` has which of them are used. Notes say what of all should be known.
 * @throws DataError for a sample that cannot be tokenised, with its place
 */
export async function inSharedRows(
  encoding: CausalEncoding,
  tables: readonly Table[],
): Promise<Required<Pick<EncodingPlan, 'tables' | 'windows'>> & { notes: string[] }> {
  const rows: MadeRow[] = [];
  const take: TakeRow = (row, sample, table) => {
    if (table === 0) rows.push(marked(row, sample));
  };
  const { kept, notes } = await surveyRows(encoding, tables, take);
  const [first] = tables;
  return {
    tables: first ? [rowTable(first, joined(rows, encoding.rows.maxLength))] : [],
    windows: [undefined, ...kept.slice(1)],
    notes,
  };
}

const marked = ({ ids, counted, bytes }: CausalRow, sample: number): MadeRow => ({
  ids: Int32Array.from(ids),
  marks: Int32Array.from(counted, (counts, place) => 2 * place + Number(counts)),
  bytes,
  sample,
});

function joined(rows: readonly MadeRow[], length: number): MadeRow[] {
  return bestFit(
    rows.map(({ ids }) => ids.length),
    length,
  ).map((members) => {
    const of = members.map((i) => rows[i]!);
    return {
      ids: concatenated(of.map(({ ids }) => ids)),
      marks: concatenated(of.map(({ marks }) => marks!)),
      bytes: of.reduce((sum, { bytes }) => sum + bytes, 0),
      sample: of[0]!.sample,
    };
  });
}

function concatenated(lists: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}

/**
 * Which items go together, of `sizes` from 1 to `room`: each to those that leave it the least room, the largest first.
 * Members, and groups by their first ones, stand in the order of the items.
 */
export function bestFit(sizes: readonly number[], room: number): number[][] {
  const order = [...sizes.keys()].sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  const groups: number[][] = [];
  /** Groups by how much room they have left. */
  const open: number[][] = Array.from({ length: room + 1 }, () => []);
  for (const item of order) {
    const size = sizes[item]!;
    let left = size;
    while (left <= room && open[left]!.length === 0) left++;
    const group = left <= room ? open[left]!.pop()! : groups.push([]) - 1;
    groups[group]!.push(item);
    open[Math.min(left, room) - size]!.push(group);
  }
  for (const group of groups) group.sort((a, b) => a - b);
  return groups.sort((a, b) => a[0]! - b[0]!);
}

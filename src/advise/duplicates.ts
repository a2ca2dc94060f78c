// Which samples of several tables are the same: texts by what they say, without white space around them; pictures by
// their bytes as they are stored.

import { type ColumnSlice, textAt, textsAt } from '../data/columns.js';
import { samePictures } from '../data/images/repeated.js';
import type { Table } from '../data/table.js';

/** The texts of a sample; none where a column holds no texts. */
export function textsOf({ columns }: Pick<Table, 'columns'>, row: number): string[] {
  const of = (column: ColumnSlice): string[] => {
    if (column.kind === 'text') return [textAt(column, row)];
    return column.kind === 'texts' ? textsAt(column, row) : [];
  };
  return Object.values(columns).flatMap(of);
}

/**
 * Of each sample of the tables, counted through, the first that it is the same as; itself where there is none before.
 */
export function sameSamples(tables: readonly Table[]): Uint32Array {
  if (tables.some(({ columns }) => Object.values(columns).some(({ kind }) => kind === 'picture')))
    return samePictures(tables);
  const first = new Map<string, number>();
  let at = 0;
  const same: number[] = [];
  for (const table of tables)
    for (let row = 0; row < table.count; row++) {
      const key = JSON.stringify(textsOf(table, row).map((text) => text.trim()));
      const earlier = first.get(key);
      if (earlier === undefined) first.set(key, at);
      same.push(earlier ?? at);
      at++;
    }
  return Uint32Array.from(same);
}

export interface Copies {
  /** Samples of the training data that repeat an earlier one, and those of them with another label. */
  within: number;
  contradicting: number;
  /** Of each other table, the samples that are in the training data too. */
  shared: number[];
  /** Pairs of rows of the training data with the same sample and different labels, each with the first. */
  contradictions: { row: number; first: number }[];
}

/** What `same` says of training data and others. @param labels of the training data */
export function countCopies(same: Uint32Array, labels: ArrayLike<number>, others: readonly number[]): Copies {
  const contradictions: Copies['contradictions'] = [];
  let within = 0;
  for (let row = 0; row < labels.length; row++) {
    const first = same[row]!;
    if (first === row) continue;
    within++;
    if (labels[row] !== labels[first]) contradictions.push({ row, first });
  }
  let from = labels.length;
  const shared = others.map((count) => {
    const own = same.subarray(from, from + count);
    from += count;
    return own.filter((first) => first < labels.length).length;
  });
  return { within, contradicting: contradictions.length, shared, contradictions };
}

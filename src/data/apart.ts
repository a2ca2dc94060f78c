// Keeps samples with a text in common out of each other's batch, where a loss takes the other samples of a batch for
// what a sample is not: a function of the order and the texts alone. A sample that has a text of its batch changes
// places with the nearest later one that has none; where there is none within reach it stays, and the loss has to leave
// the pair out.

import { hash } from '../random.js';
import { bytesOfSpans } from './column-kinds.js';
import { ofKind, type Spans } from './columns.js';
import type { Table } from './table.js';

/** How many batches ahead a sample is looked for. */
const reach = 50;

/**
 * Changes the order in place. @param columns texts of the samples; equal ones have equal keys, and of different ones a
 * few may, which then only change places
 */
export function keepApart(order: Uint32Array, columns: readonly Spans[], batchSize: number): void {
  const keys = columns.map((column) => keysOf(column, order));
  const width = keys.length;
  for (let first = 0; first < order.length; first += batchSize) {
    const end = Math.min(first + batchSize, order.length);
    const met = new Set<number>();
    const clashes = (at: number): boolean => keys.some((own) => met.has(own[order[at]!]!));
    for (let i = first; i < end; i++) {
      if (clashes(i)) {
        const last = Math.min(order.length, end + reach * batchSize);
        let j = i + 1;
        while (j < last && clashes(j)) j++;
        if (j < last) [order[i], order[j]] = [order[j]!, order[i]!];
      }
      for (let k = 0; k < width; k++) met.add(keys[k]![order[i]!]!);
    }
  }
}

/** The columns of a table that are to be kept apart; undefined where none are. */
export const textsApart = ({ columns }: Table, roles: readonly string[] = []): Spans[] | undefined =>
  roles.length === 0 ? undefined : roles.flatMap((role) => ofKind(columns, role, 'text') ?? []);

/** By sample: a number for its text. */
export function keysOf(column: Spans, order: Uint32Array): Uint32Array {
  const bytes = bytesOfSpans(column);
  const keys = new Uint32Array(column.spans.length / 3);
  for (const sample of order) {
    let key = 0x811c9dc5;
    // FNV-1a.
    for (const byte of bytes(sample)) key = Math.imul(key ^ byte, 0x01000193);
    keys[sample] = hash(key >>> 0, 0, 0);
  }
  return keys;
}

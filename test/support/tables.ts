// Tables of a few records and their rows, as the data thread and a data set would make them.

import type { TextRecord } from '#ortune/data/read/record.js';
import { rowsOf, type TextSamples } from '#ortune/data/rows.js';
import { TableBuilder, type TextTable } from '#ortune/data/table.js';

/** Labels are labelsAreIndices as they come first. */
export function tableFor(file: string, records: readonly TextRecord[]): TextTable {
  const builder = new TableBuilder([file], { pair: true, weight: true });
  for (const record of records) builder.add(record, 0);
  return builder.table;
}

export async function* rowsFor(
  table: TextTable,
  batchSize: number,
  order: Uint32Array,
  from = 0,
): AsyncGenerator<TextSamples, void, void> {
  for (let index = from; index * batchSize < order.length; index++)
    yield rowsOf(table, order.subarray(index * batchSize, (index + 1) * batchSize), { index });
}

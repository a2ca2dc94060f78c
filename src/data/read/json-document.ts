// JSON files (.json): records in one array, or under `data`, as data sets are served. A record's number counts from 1.

import { isObject } from '../../files/json.js';
import { jsonLines } from './lines.js';
import type { RawRecord, ReadOptions } from './row.js';

export async function* jsonDocument(file: string, options: ReadOptions): AsyncGenerator<RawRecord[]> {
  let number = 0;
  let left = options.skip ?? 0;
  // That it is no JSON Lines goes without saying.
  for await (const block of jsonLines(file, { ...options, skip: 0, note: undefined })) {
    const records: RawRecord[] = [];
    for (const { row } of block)
      for (const one of recordsOf(row)) {
        number++;
        if (left-- > 0) continue;
        records.push({ row: one, line: number });
      }
    if (records.length > 0) yield records;
  }
}

function recordsOf(row: RawRecord['row']): RawRecord['row'][] {
  return Array.isArray(row.data) ? row.data.filter(isObject).flatMap(recordsOf) : [row];
}

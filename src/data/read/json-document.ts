// JSON files (.json): records in one array, or under `data`, as data sets are served, and SQuAD's questions within
// paragraphs within articles. A record's number counts from 1.

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
  const { data, paragraphs } = row;
  if (Array.isArray(data)) return data.filter(isObject).flatMap(recordsOf);
  if (!Array.isArray(paragraphs)) return [row];
  return paragraphs
    .filter(isObject)
    .flatMap(({ context, qas }) =>
      (Array.isArray(qas) ? qas : []).filter(isObject).map((qa) => ({ title: row.title, context, ...qa })),
    );
}

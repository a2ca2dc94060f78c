// JSON Lines: one object a line, blank lines left out. Lines are parsed one by one, so that an error names its line
// and the records before it are still delivered; skipped lines are counted and never parsed.

import { DataError } from '../../errors.js';
import { textBlocks } from './blocks.js';
import { describe, type RawRecord, type ReadOptions, type Row } from './row.js';

/** Records of a .jsonl or .ndjson file, a block at a time. All keys are read, whatever `columns` says. */
export async function* jsonLines(file: string, { signal, skip = 0 }: ReadOptions): AsyncGenerator<RawRecord[]> {
  let left = skip;
  for await (const { text, line: first } of textBlocks(file, signal)) {
    const records: RawRecord[] = [];
    let line = first;
    try {
      for (let start = 0; start < text.length; line++) {
        const end = endOfLine(text, start);
        if (!blank(text, start, end)) {
          if (left > 0) left--;
          else records.push({ row: parse(text.slice(start, end), file, line), line });
        }
        start = end + 1;
      }
    } catch (error) {
      if (records.length > 0) yield records;
      throw error;
    }
    if (records.length > 0) yield records;
  }
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end < 0 ? text.length : end;
}

function blank(text: string, start: number, end: number): boolean {
  const first = text.charCodeAt(start);
  return start === end || ((first <= 0x20 || first >= 0x80) && text.slice(start, end).trim() === '');
}

function parse(text: string, file: string, line: number): Row {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    throw new DataError(`${file}:${line}: not a JSON value: ${(error as Error).message}`);
  }
  if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row as Row;
  throw new DataError(`${file}:${line}: each line must be a JSON object, found ${describe(row)}`);
}

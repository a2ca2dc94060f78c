// Data files as rows: the one door to every format. A format is a row of the table below: an async generator that
// yields records in blocks, since a turn of the event loop per record would cost more than parsing it. Everything
// streams; a file is never held as a whole. What the columns mean is for record.ts. Meant for a worker thread: blocks
// are parsed in one go.

import { UsageError } from '../../errors.js';
import { shown } from '../../quote.js';
import { conll } from './conll.js';
import { document, isDocument } from './document.js';
import { jsonDocument } from './json-document.js';
import { jsonLines } from './lines.js';
import { parquet } from './parquet.js';
import type { RawBlock, RawRecord, ReadOptions } from './row.js';
import { separated } from './separated.js';

type Format = (file: string, options: ReadOptions) => AsyncGenerator<RawBlock>;

const textFormats: Readonly<Record<string, Format>> = {
  '.jsonl': jsonLines,
  '.ndjson': jsonLines,
  '.json': jsonDocument,
  '.conll': conll,
  '.conllu': conll,
  '.iob': conll,
  '.bio': conll,
  '.csv': (file, options) => separated(file, ',', options),
  '.tsv': (file, options) => separated(file, '\t', options),
};

const formats: Readonly<Record<string, Format>> = {
  ...textFormats,
  ...Object.fromEntries(Object.entries(textFormats).map(([ending, format]) => [`${ending}.gz`, format])),
  '.parquet': parquet,
};

/** Endings of the files that can be read, and whether a file has one of them. */
export const tableEndings: readonly string[] = Object.keys(formats);
export const isTable = (file: string): boolean => endingOf(file) !== undefined;

const endingOf = (file: string): string | undefined => {
  const name = file.toLowerCase();
  return tableEndings.find((ending) => name.endsWith(ending));
};

/**
 * Records of a .jsonl, .ndjson, .json, .csv, .tsv or CoNLL file (in the form of form.ts), each optionally behind .gz,
 * or of a .parquet file, in blocks: the fast way for many records. A .txt or .md is one text as a whole; whether a .txt
 * is a CoNLL file is an option.
 * @throws UsageError for another file name; DataError, with file and line, for a file that cannot be read, is damaged
 *   or breaks its format. The records before the place are delivered first.
 */
export function readBlocks(file: string, options: ReadOptions = {}): AsyncGenerator<RawBlock> {
  const ending = endingOf(file);
  if (ending) return formats[ending]!(file, options);
  if (options.sentences && /\.txt(\.gz)?$/i.test(file)) return conll(file, options);
  if (isDocument(file)) return document(file, options);
  throw new UsageError(
    `data file ${shown(file)}: unknown format; ortune reads ${tableEndings.join(', ')}, and .txt and .md as one text each`,
  );
}

/** As `readBlocks`, record by record. */
export async function* readRaw(file: string, options: ReadOptions = {}): AsyncGenerator<RawRecord> {
  for await (const block of readBlocks(file, options)) {
    for (const record of block) {
      options.signal?.throwIfAborted();
      yield record;
    }
  }
}

// The thread behind a text worker: tokenises the texts of one batch, pads them to the smallest bucket that holds them
// and has everything written into the batch's slot. It gives way to the trainer's threads.
// Bad samples come back as a value with their index; an exception here means that the worker itself is broken.

import { readFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { serveAtLowPriority } from '../threads/low-priority.js';
import { writeClasses, writePairs, writeTargets, writeTokens } from './collate.js';
import { bytesAt, textAt } from './columns.js';
import type { EncodeResult, EncodeTask } from './feeder.js';
import { type Masking, type MaskVocabulary, pairedRows } from './masking.js';
import { encodedOf } from './pack/tokens.js';
import { Slot } from './slots.js';
import { type Encoded, TextTokenizer } from './tokenize.js';

export interface TextWorkerData {
  tokenizerFile: string;
  tokenizerConfigFile?: string | undefined;
  maxLength: number;
  /** Row lengths to pad to, ascending; the last is at least maxLength. */
  buckets: readonly number[];
  /** Masked-LM; undefined: classification. */
  masking?: Masking | undefined;
}

const data = workerData as TextWorkerData;
let opened: { tokenizer: TextTokenizer; vocabulary: MaskVocabulary | undefined } | undefined;
serveAtLowPriority(fill);

function open(): NonNullable<typeof opened> {
  const json = (file: string): Record<string, unknown> => JSON.parse(readFileSync(file, 'utf8'));
  const config = data.tokenizerConfigFile === undefined ? {} : json(data.tokenizerConfigFile);
  const tokenizer = new TextTokenizer(json(data.tokenizerFile), config, data.maxLength);
  return { tokenizer, vocabulary: data.masking && tokenizer.maskVocabulary(data.masking.wholeWords) };
}

/** Fills the slot of `task`. The rows behind the last sample repeat it with weight 0. */
function fill(task: EncodeTask): EncodeResult {
  try {
    opened ??= open();
  } catch (error) {
    return { failed: 'worker', message: (error as Error).message };
  }
  const { tokenizer, vocabulary } = opened;
  const { masking } = data;
  const partners = masking?.nextSentence ? pairedRows(task.samples, task) : undefined;
  const rows: Encoded[] = [];
  for (let row = 0; row < task.labels.length; row++) {
    try {
      rows.push(encode(tokenizer, task, row, partners?.[row] ?? row));
    } catch (error) {
      return { failed: row, message: (error as Error).message };
    }
  }
  const longest = Math.max(...rows.map(({ ids }) => ids.length));
  const tokens = rows.reduce((sum, { ids }) => sum + ids.length, 0);
  const length = data.buckets.find((bucket) => bucket >= longest)!;
  const slot = new Slot(task.layout, task.buffer);
  const weights: Record<string, number> = {};
  if (masking && vocabulary) {
    const { padLeft } = tokenizer;
    weights.normaliser = writeTargets(slot, length, rows, { ...task, masking, vocabulary, padLeft });
  } else weights.normaliser = writeClasses(slot, length, task);
  if (partners) {
    const labels = Int32Array.from(partners, (partner, row) => Number(partner !== row));
    weights.pair_normaliser = writePairs(slot, length, { ...task, labels });
  }
  writeTokens(slot, length, rows, tokenizer);
  slot.to('filled');
  return { length, truncated: rows.filter((row) => row.truncated).length, tokens, weights };
}

/** The tokens of a row's text with the pair of row `partner`, which may be itself; or those that it holds already. */
function encode(
  tokenizer: TextTokenizer,
  { slices: { text, pair } }: EncodeTask,
  row: number,
  partner: number,
): Encoded {
  if (text?.kind === 'tokens') return encodedOf(bytesAt(text, row));
  if (text?.kind !== 'text') throw new Error('there is no text');
  return tokenizer.encode(textAt(text, row), pair?.kind === 'text' ? textAt(pair, partner) : '');
}

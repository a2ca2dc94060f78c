// The thread behind a text worker: tokenises the texts of one batch, pads them to the smallest bucket that holds them
// and writes everything into the batch's slot. It gives way to the trainer's threads.
// Bad samples come back as a value with their index; an exception here means that the worker itself is broken.

import { readFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { isInt64 } from '../onnx/dtype.js';
import { serveQuietly } from '../threads/quiet.js';
import { Slot, type SlotLayout } from './slots.js';
import { type Encoded, TextTokenizer } from './tokenize.js';

export interface TextWorkerData {
  tokenizerFile: string;
  tokenizerConfigFile?: string | undefined;
  maxLength: number;
  /** Row lengths to pad to, ascending; the last is at least maxLength. */
  buckets: readonly number[];
}

export interface TextTask {
  layout: SlotLayout;
  buffer: SharedArrayBuffer;
  /** Of the rows of the batch: see Rows. */
  chunks: readonly SharedArrayBuffer[];
  places: Uint32Array;
  labels: Int32Array;
  weights: Float32Array;
}

export type TextResult =
  | { length: number; truncated: number; tokens: number }
  | { failed: 'tokenizer' | number; message: string };

const data = workerData as TextWorkerData;
let tokenizer: TextTokenizer | undefined;
serveQuietly(fill);

function openTokenizer(): TextTokenizer {
  const json = (file: string): Record<string, unknown> => JSON.parse(readFileSync(file, 'utf8'));
  const config = data.tokenizerConfigFile === undefined ? {} : json(data.tokenizerConfigFile);
  return new TextTokenizer(json(data.tokenizerFile), config, data.maxLength);
}

/** Fills the slot of `task`. The rows behind the last sample repeat it with weight 0. */
function fill(task: TextTask): TextResult {
  try {
    tokenizer ??= openTokenizer();
  } catch (error) {
    return { failed: 'tokenizer', message: (error as Error).message };
  }
  const rows: Encoded[] = [];
  for (let row = 0; row < task.labels.length; row++) {
    try {
      const [text, pair] = textsOf(task, row);
      rows.push(tokenizer.encode(text, pair));
    } catch (error) {
      return { failed: row, message: (error as Error).message };
    }
  }
  const longest = Math.max(...rows.map(({ ids }) => ids.length));
  const length = data.buckets.find((bucket) => bucket >= longest)!;
  const slot = new Slot(task.layout, task.buffer);
  write(slot, length, rows, task, tokenizer);
  slot.to('filled');
  return {
    length,
    truncated: rows.filter((row) => row.truncated).length,
    tokens: rows.reduce((sum, { ids }) => sum + ids.length, 0),
  };
}

/** A row's text and its pair, '' where it has none, out of the shared bytes. */
function textsOf({ chunks, places }: TextTask, row: number): [text: string, pair: string] {
  const [chunk, start, textBytes, pairBytes] = Array.from(places.subarray(4 * row, 4 * row + 4));
  const bytes = Buffer.from(chunks[chunk!]!, start, textBytes! + pairBytes!);
  return [bytes.toString('utf8', 0, textBytes), bytes.toString('utf8', textBytes)];
}

type Elements = { [i: number]: number | bigint; fill(value: number | bigint, from: number, to: number): unknown };

function write(slot: Slot, length: number, rows: Encoded[], task: TextTask, { padId, padLeft }: TextTokenizer) {
  const last = rows.length - 1;
  for (const field of slot.layout.fields) {
    const out = slot.data(field, length) as unknown as Elements;
    const element = isInt64(field.dtype) ? BigInt : Number;
    for (let b = 0; b < slot.layout.batchSize; b++) {
      const { ids, types } = rows[Math.min(b, last)]!;
      if (field.name === 'labels') out[b] = element(task.labels[Math.min(b, last)]!);
      else if (field.name === 'sample_weights') out[b] = element(b <= last ? task.weights[b]! : 0);
      else {
        const start = b * length + (padLeft ? length - ids.length : 0);
        out.fill(element(field.name === 'input_ids' ? padId : 0), b * length, (b + 1) * length);
        if (field.name === 'attention_mask') out.fill(element(1), start, start + ids.length);
        else for (const [i, id] of (field.name === 'input_ids' ? ids : types).entries()) out[start + i] = element(id);
      }
    }
  }
}

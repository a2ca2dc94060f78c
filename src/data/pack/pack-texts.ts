// Writes the tokens of a table of texts as a packed file: `input_ids` int32, those of all rows one behind the other,
// and for each row its `lengths` in tokens, `characters` of its text (what batches are grouped by), whether it was
// `truncated`, from `second_from` to `second_to` the tokens of the second type, its class in `labels` and, where it has
// one, its weight.

import { builtFile } from '../../built.js';
import { ofKind, type Slices, textAt } from '../columns.js';
import { locationOf, type Table } from '../table.js';
import { tokenizerHash } from '../tokenizer/files.js';
import { type PackProgress, packBlocks } from './pack-blocks.js';
import { float32, int32, int64, PackWriter } from './pack-writer.js';
import type { TokenBlock, TokenTask, TokenWorkerData } from './token-worker.js';

export interface PackTextsOptions {
  table: Table;
  /** SHA-256 of the texts, their labels and weights. */
  hash: string;
  /** Names of the classes; undefined where there are no labels. */
  labels: readonly string[] | undefined;
  /** What the tensor of the weights is called. */
  weightColumn?: string | undefined;
  output: string;
  /** Holds the tokenizer. */
  directory: string;
  /** Most tokens of a row. */
  maxLength: number;
  workers?: number | undefined;
  onProgress?: ((progress: PackProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface PackedTexts {
  samples: number;
  tokens: number;
  /** Texts that were cut to the maximum length. */
  truncated: number;
  bytes: number;
  sha256: string;
}

const blockSamples = 1024;

/**
 * @returns undefined when it was aborted; the same call goes on then
 * @throws DataError with the place of a text that has no tokens; the system's error
 */
export async function packTexts(options: PackTextsOptions): Promise<PackedTexts | undefined> {
  const { table, hash, labels, output, directory, maxLength } = options;
  const more = {
    tokenizer_sha256: tokenizerHash(directory),
    max_length: String(maxLength),
    source_sha256: hash,
    ...(labels && { label_names: JSON.stringify(labels) }),
  };
  const key = { samples: table.count, blockSamples };
  const writer = await PackWriter.open<TokenBlock>(output, { kind: 'texts', more, key });
  try {
    const workerData: TokenWorkerData = { directory, maxLength };
    const whole = await packBlocks<TokenTask, TokenBlock>(writer, {
      ...options,
      samples: table.count,
      blockSamples,
      worker: builtFile('data/pack/token-worker.js'),
      workerData,
      task: (first, end) => taskOf(table, first, end),
    });
    if (!whole) return undefined;
    const blocks = writer.blocks;
    const lengths = blocks.flatMap(({ lengths }) => lengths);
    const truncated = blocks.flatMap(({ truncated }) => truncated);
    const second = blocks.flatMap(({ second }) => second);
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    const sha256 = await writer.finish({ name: 'input_ids', dtype: 'I32', shape: [tokens] }, [
      ...(labels ? [int64('labels', ofKind(table.columns, 'label', 'class')!.values.subarray(0, table.count))] : []),
      int32('lengths', lengths),
      int32('characters', table.length!.subarray(0, table.count)),
      int32(
        'second_from',
        second.map(([from]) => from),
      ),
      int32(
        'second_to',
        second.map(([, to]) => to),
      ),
      ...(table.weight
        ? [float32(options.weightColumn!, [table.count], table.weight.subarray(0, table.count), (w) => w)]
        : []),
      { name: 'truncated', dtype: 'U8', shape: [table.count], data: Uint8Array.from(truncated) },
    ]);
    return {
      samples: table.count,
      tokens,
      truncated: truncated.filter((one) => one === 1).length,
      bytes: writer.size,
      sha256,
    };
  } finally {
    await writer.close();
  }
}

function taskOf(table: Table, first: number, end: number): TokenTask {
  const task: TokenTask = { texts: [], rows: [], places: [] };
  const [text, pair] = [textsOf(table.columns, 'text')!, textsOf(table.columns, 'pair')];
  const numbers = new Map<string, number>();
  const numberOf = (value: string): number => {
    const number = numbers.get(value) ?? task.texts.push(value) - 1;
    numbers.set(value, number);
    return number;
  };
  for (let i = first; i < end; i++) {
    task.rows.push([numberOf(textAt(text, i)), numberOf(pair ? textAt(pair, i) : '')]);
    task.places.push(locationOf(table, i));
  }
  return task;
}

const textsOf = (columns: Slices, role: string) => ofKind(columns, role, 'text');

// Runs in a pool of threads: the tokens of a block of texts, for a packed file.

import { workerData } from 'node:worker_threads';
import { DataError, type Outcome, outcomeOf } from '../../errors.js';
import { serve } from '../../threads/serve.js';
import { TokenizerEnded, TokenizerProcess } from '../tokenizer/process.js';
import type { PackedBlock } from './pack-blocks.js';
import { secondOf } from './tokens.js';

export interface TokenWorkerData {
  /** Holds the tokenizer. */
  directory: string;
  maxLength: number;
}

export interface TokenTask {
  /** Those of the block, each once: a small compressed file may hold one text of megabytes for all rows. */
  texts: string[];
  /** Of each row the numbers of its text and of its pair, which is '' where it has none. */
  rows: [text: number, pair: number][];
  /** Where each is, for messages. */
  places: string[];
}

/** What is to be known of the rows of a block beside their ids. */
export interface TokenBlock {
  lengths: number[];
  /** 1 for a text that was cut. */
  truncated: number[];
  second: [from: number, to: number][];
}

const encoding = workerData as TokenWorkerData;
const tokenizer = new TokenizerProcess(encoding);

serve({ default: (task: TokenTask): Promise<Outcome<PackedBlock<TokenBlock>>> => outcomeOf(() => pack(task)) });

async function pack({ texts, rows, places }: TokenTask): Promise<PackedBlock<TokenBlock>> {
  const ids: number[] = [];
  const info: TokenBlock = { lengths: [], truncated: [], second: [] };
  const refuse = (row: number, why: string): never => {
    throw new DataError(`${places[row]}: the text cannot be tokenised: ${why}`);
  };
  const pairs = rows.map(([text, pair]): [string, string] => [texts[text]!, texts[pair]!]);
  const found = await tokenizer.texts(pairs).catch((error) => {
    if (error instanceof TokenizerEnded) return refuse(error.item ?? 0, error.message);
    throw error;
  });
  for (const [row, encoded] of found.entries()) {
    if ('error' in encoded) return refuse(row, encoded.error);
    for (const id of encoded.ids) ids.push(id);
    info.lengths.push(encoded.ids.length);
    info.truncated.push(Number(encoded.truncated));
    try {
      info.second.push(secondOf(encoded.types));
    } catch (error) {
      refuse(row, (error as Error).message);
    }
  }
  return { bytes: new Uint8Array(Int32Array.from(ids).buffer), info };
}

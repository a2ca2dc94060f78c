// Runs in a pool of threads: the tokens of a block of texts, for a packed file.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { workerData } from 'node:worker_threads';
import { DataError, ModelError, type Outcome, outcomeOf } from '../../errors.js';
import { serve } from '../../threads/serve.js';
import { TextTokenizer } from '../tokenize.js';
import type { PackedBlock } from './pack-blocks.js';
import { secondOf } from './tokens.js';

export interface TokenWorkerData {
  /** Holds the tokenizer. */
  directory: string;
  maxLength: number;
}

export interface TokenTask {
  /** Each with its pair, '' where it has none. */
  texts: [text: string, pair: string][];
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

const { directory, maxLength } = workerData as TokenWorkerData;
let tokenizer: TextTokenizer | undefined;

serve({ default: (task: TokenTask): Promise<Outcome<PackedBlock<TokenBlock>>> => outcomeOf(() => pack(task)) });

function pack({ texts, places }: TokenTask): PackedBlock<TokenBlock> {
  tokenizer ??= open();
  const ids: number[] = [];
  const info: TokenBlock = { lengths: [], truncated: [], second: [] };
  for (const [row, [text, pair]] of texts.entries()) {
    try {
      const encoded = tokenizer.encode(text, pair);
      for (const id of encoded.ids) ids.push(id);
      info.lengths.push(encoded.ids.length);
      info.truncated.push(Number(encoded.truncated));
      info.second.push(secondOf(encoded.types));
    } catch (error) {
      throw new DataError(`${places[row]}: the text cannot be tokenised: ${(error as Error).message}`);
    }
  }
  return { bytes: new Uint8Array(Int32Array.from(ids).buffer), info };
}

function open(): TextTokenizer {
  const file = join(directory, 'tokenizer.json');
  const config = join(directory, 'tokenizer_config.json');
  const json = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8'));
  try {
    return new TextTokenizer(json(file), existsSync(config) ? json(config) : {}, maxLength);
  } catch (error) {
    throw new ModelError(`${file} cannot be used: ${(error as Error).message}`);
  }
}

// A model that has learnt nothing, as a directory to train: its tokenizer is learnt from the texts of the data, which
// decides its vocabulary, and its weights are drawn.

import { existsSync, readdirSync } from 'node:fs';
import type { BuildConfig } from '../config/build-schema.js';
import type { TextInput } from '../data/samples.js';
import { UsageError } from '../errors.js';
import { writeEncoder } from '../models/directory.js';
import { writeLanguageModel } from '../models/language/build.js';
import { isEncoderDecoder } from '../models/language/options.js';
import { buildBytePairs } from '../models/tokenizer/byte-pairs.js';
import { buildWordPiece } from '../models/tokenizer/wordpiece.js';

/** What was written. */
export interface BuildResult {
  output: string;
  texts: number;
  /** Pieces of the tokenizer, and rows of the word embedding. */
  vocabulary: number;
}

type Sizes = Pick<BuildConfig, 'layers' | 'hidden' | 'heads' | 'feedForward'>;

/** @throws UsageError for a directory that holds something, and for sizes that make no model */
export function buildModel(config: BuildConfig, inputs: readonly TextInput[]): BuildResult {
  const { output, architecture, vocabularySize, positions, seed, tiedEmbeddings, decoderLayers, keyValueHeads } =
    config;
  if (existsSync(output) && readdirSync(output).length > 0)
    throw new UsageError(`${output} holds something already: give another directory, or empty it`);
  const texts = inputs.flatMap((one) => (typeof one === 'string' ? [one] : [one.text, one.pair ?? '']));
  const { layers, hidden, heads, feedForward }: Sizes = config;
  const sizes = given({ layers, hidden, heads, feedForward });
  const learnt = { vocabulary: vocabularySize, maxLength: positions };
  const found = (tokenizer: ReturnType<typeof buildWordPiece>): BuildResult => {
    return { output, texts: texts.length, vocabulary: Object.keys(tokenizer.tokenizer.model.vocab).length };
  };
  if (architecture === 'bert') {
    const [other] = Object.keys(given({ decoderLayers, keyValueHeads }));
    if (other !== undefined) throw new UsageError(`option '${other}' is of other families than bert: leave it out`);
    if (!tiedEmbeddings) throw new UsageError("option 'tiedEmbeddings' must be true for bert");
    const tokenizer = buildWordPiece(texts, learnt);
    writeEncoder(output, { ...sizes, positions, seed, head: 'language-model', tokenizer });
    return found(tokenizer);
  }
  const purpose = isEncoderDecoder(architecture) ? 'seq2seq' : 'causal-lm';
  const tokenizer = buildBytePairs(texts, { ...learnt, purpose });
  const further = given({ decoderLayers, keyValueHeads });
  writeLanguageModel(output, { architecture, ...sizes, ...further, positions, seed, tiedEmbeddings, tokenizer });
  return found(tokenizer);
}

/** Without what was not given. */
const given = <T extends Record<string, unknown>>(options: T) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

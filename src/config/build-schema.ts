// The options of `ortune build`: see fields.ts for the conventions.

import { languageArchitectures } from '../models/language/options.js';
import { about, count, files, path, place } from './fields.js';
import { reading } from './reading-fields.js';
import { trainSchema } from './train-schema.js';
import { z } from './zod.js';

/**
 * Families of models that are built: encoders as BERT with a head for masked language modelling, and those that write.
 */
const architectures = ['bert', ...languageArchitectures] as const;

export const buildSchema = z.strictObject({
  output: place.meta(about('Directory to write the model to.', { value: 'DIRECTORY' })),
  architecture: z
    .enum(architectures)
    .meta(
      about('Family of the model: bert fills masks, gpt2 and llama write on, t5 and marian write one text of another.'),
    ),
  train: files.meta(
    about('Texts that the tokenizer is learnt from: JSONL, CSV, TSV or Parquet, also gzipped, or lines of a .txt.', {
      value: 'FILE',
    }),
  ),
  textColumn: trainSchema.shape.textColumn,
  pairColumn: path
    .optional()
    .meta(about('Column of further texts, such as what t5 and marian are to write.', { value: 'NAME' })),
  ...reading,
  vocabularySize: count.default(8192).meta(
    about('Pieces of the tokenizer: WordPiece for bert, byte-level BPE for others. Small texts give fewer.', {
      aliases: ['vocab_size'],
    }),
  ),
  layers: count.optional().meta(about('Transformer layers, of t5 and marian of the encoder; default 4, of bert 2.')),
  decoderLayers: count.optional().meta(about('Layers of the decoder of t5 and marian; default layers.')),
  hidden: count
    .optional()
    .meta(about('Width of the residual stream; default 256, of bert 128.', { aliases: ['hidden_size', 'd_model'] })),
  heads: count.optional().meta(about('Attention heads; divides hidden; default one for each 64.')),
  keyValueHeads: count
    .optional()
    .meta(
      about('Heads of keys and values of llama; divides heads; default heads.', { aliases: ['num_key_value_heads'] }),
    ),
  feedForward: count
    .optional()
    .meta(
      about('Width of the feed-forward layer; default four times hidden, of llama ⅔ of that.', { aliases: ['d_ff'] }),
    ),
  positions: count
    .default(512)
    .meta(about('Longest text in tokens.', { aliases: ['max_position_embeddings', 'n_positions'] })),
  tiedEmbeddings: z
    .boolean()
    .default(true)
    .meta(about('The output layer is the word embedding.', { aliases: ['tie_word_embeddings'] })),
  seed: trainSchema.shape.seed,
});

export type BuildConfig = z.output<typeof buildSchema>;

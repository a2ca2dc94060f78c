// What `ortune embed` and `ortune mine` take: of a model's options those of reading texts and making vectors.

import { about, count, path } from './fields.js';
import { reading } from './reading-fields.js';
import { predictSchema } from './schema.js';
import { z } from './zod.js';

const { shape } = predictSchema;
const texts = {
  model: shape.model,
  adapter: shape.adapter,
  device: shape.device,
  threads: shape.threads,
  workers: shape.workers,
  maxGraphMemory: shape.maxGraphMemory,
  maxDownloadBytes: shape.maxDownloadBytes,
  batchesAhead: shape.batchesAhead,
  batchSize: shape.batchSize,
  data: shape.data.meta(
    about('Texts in JSONL, CSV, TSV or Parquet, also gzipped, or lines of a .txt.', { value: 'FILE' }),
  ),
  ...reading,
  textColumn: shape.textColumn,
  maxLength: shape.maxLength,
  buckets: shape.buckets,
  pooling: shape.pooling,
};

export const embedSchema = z.strictObject({
  ...texts,
  normalize: shape.normalize,
  prompt: shape.prompt,
  dimensions: count
    .optional()
    .meta(about('Keep so many numbers of each vector, of a model that was trained with matryoshkaDims.')),
  output: path.meta(
    about(
      'File to write the vectors to, [texts, size] in float32: .safetensors (as embeddings), .npy, or .parquet beside the texts.',
      {
        value: 'FILE',
      },
    ),
  ),
});

export const mineSchema = z.strictObject({
  ...texts,
  pairColumn: shape.pairColumn,
  negatives: count.default(3).meta(about('Negatives of each pair; a pair for which there are fewer is left out.')),
  skip: z
    .int()
    .min(0)
    .default(0)
    .meta(about('So many of the nearest texts are passed over: they may be answers too.', { aliases: ['range_min'] })),
  within: count
    .default(100)
    .meta(about('Negatives are taken from so many of the nearest texts.', { aliases: ['range_max'] })),
  marginBelow: z
    .number()
    .min(0)
    .default(0)
    .meta(
      about('The cosine of a negative is at least so much below that of the pair.', { aliases: ['absolute_margin'] }),
    ),
  relativeMargin: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .meta(
      about('The cosine of a negative is at most (1 − this) times that of the pair.', { aliases: ['relative_margin'] }),
    ),
  maxScore: z
    .number()
    .optional()
    .meta(about('Largest cosine of a negative.', { aliases: ['max_score'] })),
  output: path.meta(
    about('JSONL to write: the pairs with columns negative1, negative2, … for --negative-columns.', {
      value: 'FILE.jsonl',
    }),
  ),
});

export type EmbedConfig = z.output<typeof embedSchema>;
export type MineConfig = z.output<typeof mineSchema>;

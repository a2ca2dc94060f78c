// What the options of several commands are made of: the description each carries, and the options of a model and its
// texts. Names are the conventional ones of the field (the Hugging Face Trainer's, in camel case); `also` lists other
// names people type, so that a wrong key is answered with the right one.

import { z } from 'zod';
import { type TaskName, taskNames } from '../tasks/task.js';

// A type alias, not an interface: zod's metadata wants an index signature.
type Extra = {
  description: string;
  /** What stands for the value in help, such as FILE. */
  value?: string;
  /** What the flag stands for when it is given without a value. */
  impliedValue?: string;
  /** Other names of the same thing elsewhere. */
  aliases?: string[];
  /** Another value gives the same weights step by step, so a run may be resumed with it. */
  changesNothing?: boolean;
  /** One number means something else than a list of one, so its flag is given once, a list with commas. */
  list?: boolean;
  /** What it takes, in messages and tables, where saying it in full would be too long. */
  expects?: string;
};
export const about = (description: string, extra: Omit<Extra, 'description'> = {}): Extra => ({
  description,
  ...extra,
});

/** In place of an option that a command decides by itself; `why` follows 'must be left out:'. */
export const forbidden = (why: string) => z.never().optional().meta({ description: why });

export const path = z.string().min(1);
export const rate = z.number().min(0).lt(1);
export const count = z.int().min(1);
/** One file or several, each a path or a glob. */
export const files = z
  .union([path, z.array(path).min(1)])
  .transform((value) => (typeof value === 'string' ? [value] : value));
export const batchSize = z.int().min(1).max(65536);

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};
const sizes = /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$/i;

/** Bytes as a number, or with a unit: 4GB, 512 MiB. */
export const bytes = z.union([count, z.string().regex(sizes)]).transform((value) => {
  if (typeof value === 'number') return value;
  const [, number, unit = ''] = sizes.exec(value)!;
  return Math.floor(Number(number) * unitBytes[unit.toLowerCase()]!);
});

/** Optional as one writes it, and always there in a configuration: guess-task.ts fills it in. */
export const task = <N extends TaskName>(names: readonly [N, ...N[]]) =>
  z.enum(names).optional() as unknown as z.ZodDefault<z.ZodEnum<{ [K in N]: K }>>;

export const modelAndText = {
  model: path.meta(
    about(
      'Model directory in transformers.js layout, a bare .onnx file, or a hub name (owner/name, owner/name@revision).',
      {
        value: 'MODEL',
        aliases: ['model_name_or_path'],
        changesNothing: true,
      },
    ),
  ),
  task: task(taskNames).meta(
    about(
      'What the model is for: labels of texts or of pictures, or finding masked tokens, which needs no labels. Default image-classification where the data are a folder, tensors or have an imageColumn, else text-classification.',
    ),
  ),
  textColumn: path
    .default('text')
    .meta(about('Column (CSV) or key (JSONL) that holds the text.', { value: 'NAME', aliases: ['text_column_name'] })),
  pairColumn: path
    .optional()
    .meta(about('Column that holds a second text, for pairs such as question and answer.', { value: 'NAME' })),
  labelColumn: path
    .default('label')
    .meta(about('Column that holds the label.', { value: 'NAME', aliases: ['label_column_name'] })),
  maxLength: count.default(512).meta(
    about('Longest text in tokens; longer ones are cut and counted. The positions of the model bound it too.', {
      aliases: ['max_seq_length'],
    }),
  ),
  buckets: z
    .array(count)
    .min(1)
    .optional()
    .meta(
      about('Lengths in tokens that batches are padded to, ascending up to maxLength; default 32, 64, 128 and so on.'),
    ),
  device: z
    .enum(['cpu'])
    .default('cpu')
    .meta(about('Where to compute.', { changesNothing: true })),
  threads: z
    .int()
    .min(1)
    .max(1024)
    .optional()
    .meta(about('Threads that compute; default one per core.', { aliases: ['num_threads'], changesNothing: true })),
  workers: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .meta(
      about(
        'Threads that read, tokenise and decode; default one, of pictures one for every two cores up to 8. Results do not depend on it.',
        {
          aliases: ['dataloader_num_workers'],
          changesNothing: true,
        },
      ),
    ),
  batchesAhead: z
    .int()
    .min(1)
    .max(64)
    .default(4)
    .meta(
      about('Batches that are prepared ahead of the step that needs them.', {
        aliases: ['prefetch_factor'],
        changesNothing: true,
      }),
    ),
};

/** Masked-LM, in training and evaluation. */
export const masking = {
  mlmProbability: z
    .number()
    .gt(0)
    .lte(0.5)
    .default(0.15)
    .meta(about('masked-lm: share of the tokens of a text that are to be found.', { aliases: ['masked_lm_prob'] })),
  wholeWordMask: z
    .boolean()
    .default(false)
    .meta(about('masked-lm: all tokens of a word are masked together.', { aliases: ['whole_word_masking', 'wwm'] })),
  nextSentence: z
    .boolean()
    .default(false)
    .meta(
      about('masked-lm: also learn whether the text of pairColumn follows, or is that of another sample.', {
        aliases: ['next_sentence_prediction', 'nsp'],
      }),
    ),
};

// What the options of several commands are made of: the description each carries, and the options of every command that
// runs a model. Names are the conventional ones of the field (the Hugging Face Trainer's, in camel case); `aliases`
// lists other names people type, so that a wrong key is answered with the right one. Options of tasks are in their
// files.

import { presetNames as augmentationPresets, augmentationSchema } from '../data/images/augment/chain.js';
import { pathOf } from '../files/path-of.js';
import { defaultGraphMemory } from '../onnx/budget.js';
import { z } from './zod.js';

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
  /** Among the few of a command that matter first: help has them before all others. */
  first?: boolean;
};
export const about = (description: string, extra: Omit<Extra, 'description'> = {}): Extra => ({
  description,
  ...extra,
});

/** What help lists options under, in its order; those of a task come in place of `tasks`. */
export const headings = {
  first: 'Most used',
  own: 'Options',
  data: 'Data',
  columns: 'Columns, labels and lengths',
  steps: 'Steps, rates and losses',
  run: 'Evaluation, checkpoints and resuming',
  transfer: 'The model: what is kept, trained and added',
  tasks: 'Task',
  reading: 'Reading files',
  machine: 'Machine',
};

/** The fields, as help lists them under this heading; one that has a heading already keeps it. */
export const under = <T extends Readonly<Record<string, z.ZodType>>>(heading: string, fields: T): T =>
  Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [key, field.meta({ heading, ...field.meta() })]),
  ) as unknown as T;

/** In place of an option that a command decides by itself; `why` follows 'must be left out:'. */
export const forbidden = (why: string) => z.never().optional().meta({ description: why });

/** An option without its default, which a command then has none of, or another. */
export const withoutDefault = (schema: z.ZodType): z.ZodType =>
  schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault ? (schema.unwrap() as z.ZodType) : schema;

export const path = z.string().min(1);
/**
 * Where a file or folder is: a path, or a file: URL; what a configuration holds is the path. parseOptions knows URLs.
 */
export const place = path.transform(pathOf).meta({ url: true }) as z.ZodType<string, string | URL>;
export const rate = z.number().min(0).lt(1);
export const count = z.int().min(1);
/** One text or a list of them, as a list. */
export const listOf = <T extends z.ZodType<string, unknown>>(item: T, list: z.ZodArray<T> = z.array(item)) =>
  z.union([item, list]).transform((value) => (typeof value === 'string' ? [value] : value) as string[]);
/** One file or several, each a path or a glob. */
export const files = listOf(place, z.array(place).min(1));
/** Names: a list, or a text with commas between. */
export const names = z
  .union([path, z.array(path).min(1)])
  .transform((value) => [value].flat().flatMap((text) => text.split(',').map((name) => name.trim())));
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

export const model = place.meta(
  about(
    'Model directory in transformers.js layout, a bare .onnx file, or a hub name (owner/name, owner/name@revision).',
    { value: 'MODEL', aliases: ['model_name_or_path'], changesNothing: true, first: true },
  ),
);

/** Of commands that run a saved model. */
export const adapters = listOf(place)
  .optional()
  .meta(
    about("Directory of an adapter in PEFT's form that the model is run with; several add up.", {
      value: 'DIR',
      aliases: ['lora', 'peft', 'adapters'],
    }),
  );

/** Of every command that runs a model. */
export const running = under(headings.machine, {
  device: z
    .enum(['cpu'])
    .default('cpu')
    .meta(about('Where to compute.', { changesNothing: true })),
  threads: z
    .int()
    .min(1)
    .max(1024)
    .optional()
    .meta(
      about('Threads that compute; default one for each core that the process may use (affinity, quota).', {
        aliases: ['num_threads'],
        changesNothing: true,
      }),
    ),
  workers: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .meta(
      about(
        'Threads that read, tokenise and decode; default one, of pictures one for every two cores up to 8. Results do not depend on it.',
        { aliases: ['dataloader_num_workers'], changesNothing: true },
      ),
    ),
  maxGraphMemory: bytes.default(defaultGraphMemory).meta(
    about(
      "Most bytes that the model file's own graph may ask for, with the smallest inputs it takes, before anything is computed: a file that asks for more is refused by name. What your batches take is not counted.",
      {
        value: 'BYTES',
        changesNothing: true,
        expects: 'a number of bytes, or a size such as 4GB or 512 MiB',
      },
    ),
  ),
  maxDownloadBytes: bytes.optional().meta(
    about(
      'Most bytes of a model of the hub in all, unpacked, and of a file of a URL: a larger one is not fetched. Default ORTUNE_DOWNLOAD_MAX_BYTES, else 32 GiB; of an .onnx file 2 GiB at most.',
      {
        value: 'BYTES',
        changesNothing: true,
        expects: 'a number of bytes, or a size such as 4GB or 512 MiB',
      },
    ),
  ),
  bind: listOf(path)
    .prefault([])
    .meta(
      about(
        'Inputs of the model that have one value for all samples: a number, true or false, such as the rate of sounds or what decides an If.',
        { value: 'NAME=VALUE' },
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
});

/** What tasks make their fields of, as an argument: threads that only look a task up then need no zod. */
export interface FieldKit {
  z: typeof z;
  about: typeof about;
  path: typeof path;
  place: typeof place;
  rate: typeof rate;
  count: typeof count;
  files: typeof files;
  augmentationSchema: typeof augmentationSchema;
  augmentationPresets: typeof augmentationPresets;
}
export const fieldKit: FieldKit = {
  z,
  about,
  path,
  place,
  rate,
  count,
  files,
  augmentationSchema,
  augmentationPresets,
};

// The options of `ortune pack`: see fields.ts for the conventions.

import { parseSize } from '../data/pack/fit-picture.js';
import { imageFields } from '../tasks/image-fields.js';
import { about, count, fieldKit, files, path, place, running } from './fields.js';
import type { PackFields } from './option-types.js';
import { reading } from './reading-fields.js';
import { taskFields } from './task-fields.js';
import { trainSchema } from './train-schema.js';
import { z } from './zod.js';

const { textColumn, pairColumn, labelColumn, maxLength } = taskFields.all;
const { workers } = running;
const { images, maxBadSamples, pictureFiles } = imageFields(fieldKit);

const packOptions = z.strictObject({
  data: files.meta(
    about(
      'What to pack, in any form that train takes: pictures as folders, tables or .safetensors; texts in JSONL, CSV, TSV or Parquet.',
      { value: 'FILE', aliases: ['train', 'input'] },
    ),
  ),
  output: place.meta(about('File to write; it ends in .safetensors.', { value: 'FILE' })),
  model: place.optional().meta(
    about('Model directory or hub name whose tokenizer makes tokens of texts; without it the data are pictures.', {
      value: 'MODEL',
      aliases: ['tokenizer'],
    }),
  ),
  size: z
    .union([path, count])
    .transform(String)
    .prefault('256')
    .meta(
      about(
        'Pictures: 256 resizes those whose shorter side is longer to that, 256x320 brings all to this height and width, cut from the middle.',
        { value: 'N|HxW', aliases: ['image_size', 'resize'], expects: 'a number of pixels, or height x width' },
      ),
    ),
  channels: z
    .union([z.literal(1), z.literal(3), z.literal(4)])
    .default(3)
    .meta(about('Pictures: 1 grey, 3 red, green and blue, 4 with alpha.', { value: '1|3|4', expects: '1, 3 or 4' })),
  textColumn,
  pairColumn,
  labelColumn,
  imageColumn: pictureFiles.imageColumn,
  labelled: z.boolean().default(true).meta(about('The data have labels, which are packed with them.')),
  labelNames: images.labelNames,
  multiLabel: images.multiLabel,
  weightColumn: trainSchema.shape.weightColumn,
  ...reading,
  maxLength,
  maxPixels: pictureFiles.maxPixels,
  maxPictureBytes: pictureFiles.maxPictureBytes,
  maxBadSamples,
  workers: workers.meta(about('Threads that decode or tokenise; default one per core.')),
  overwrite: z.boolean().default(false).meta(about('Replace a file that is there.')),
});

/** What `ortune pack` and `pack` take. */
export const packSchema = packOptions.superRefine((config, context) => {
  for (const message of contradictions(config)) context.addIssue({ code: 'custom', message });
});

function* contradictions(config: PackConfig): Generator<string> {
  const { output, size, model, imageColumn, multiLabel, pairColumn } = config;
  if (!output.endsWith('.safetensors'))
    yield `option 'output' must end in .safetensors, found '${output}': packed data are read by that name`;
  if (!parseSize(size))
    yield `option 'size' must be a number of pixels such as 256, or height x width such as 256x320, found '${size}'`;
  const ofPictures = { imageColumn, multiLabel: multiLabel || undefined };
  const [others, why] =
    model === undefined
      ? ([{ pairColumn }, "texts, which need 'model' for its tokenizer: set it, or leave {} out"] as const)
      : ([ofPictures, "pictures, and 'model' says that the data are texts; leave one of them out"] as const);
  for (const [name, value] of Object.entries(others))
    if (value !== undefined) yield `option '${name}' is for ${why.replace('{}', name)}`;
}

export type PackConfig = z.output<typeof packOptions>;
export type PackOptions = PackFields;

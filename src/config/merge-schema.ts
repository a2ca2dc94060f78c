// The options of `ortune merge`: see fields.ts for the conventions.

import { about, listOf, model, place } from './fields.js';
import { z } from './zod.js';

export const mergeSchema = z.strictObject({
  model,
  adapters: listOf(place, z.array(place).min(1)).meta(
    about("Directories of adapters, in PEFT's form; layers that several have get the sum.", {
      value: 'DIR',
      aliases: ['adapter', 'lora'],
    }),
  ),
  output: place.meta(about('Directory for the model.', { value: 'DIR', aliases: ['out', 'output_dir'] })),
});

export type MergeConfig = z.output<typeof mergeSchema>;

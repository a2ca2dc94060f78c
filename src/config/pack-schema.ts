// The options of `ortune pack`: see fields.ts for the conventions.

import { z } from 'zod';
import { about, files, modelAndText, path } from './fields.js';
import { trainSchema } from './train-schema.js';

const { textColumn, pairColumn, labelColumn, maxLength, workers } = modelAndText;

const packOptions = z.strictObject({
  data: files.meta(
    about('What to pack: texts in JSONL, CSV, TSV or Parquet, also gzipped; pictures as train takes them.', {
      value: 'FILE',
      also: ['train', 'input'],
    }),
  ),
  output: path.meta(about('File to write; it ends in .safetensors.', { value: 'FILE' })),
  model: path.optional().meta(
    about('Model directory or hub name whose tokenizer makes tokens of texts; without it the data are pictures.', {
      value: 'MODEL',
      also: ['tokenizer'],
    }),
  ),
  textColumn,
  pairColumn,
  labelColumn,
  labelled: z.boolean().default(true).meta(about('The data have labels, which are packed with them.')),
  weightColumn: trainSchema.shape.weightColumn,
  maxLength,
  workers: workers.removeDefault().optional().meta(about('Threads that decode or tokenise; default one per core.')),
  overwrite: z.boolean().default(false).meta(about('Replace a file that is there.')),
});

/** What `ortune pack` and `pack` take. */
export const packSchema = packOptions.superRefine((config, context) => {
  for (const message of contradictions(config)) context.addIssue({ code: 'custom', message });
});

function* contradictions({ output }: PackConfig): Generator<string> {
  if (!output.endsWith('.safetensors'))
    yield `option 'output' must end in .safetensors, found '${output}': packed data are read by that name`;
}

export type PackConfig = z.output<typeof packOptions>;
export type PackOptions = z.input<typeof packOptions>;

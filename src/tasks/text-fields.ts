// Options of tasks that read texts: which columns, and how long a text may be.

import type { FieldKit } from '../config/fields.js';

export const textFields = ({ z, about, path, count }: FieldKit) => ({
  textColumn: path
    .default('text')
    .meta(about('Column (CSV) or key (JSONL) that holds the text.', { value: 'NAME', aliases: ['text_column_name'] })),
  pairColumn: path
    .optional()
    .meta(about('Column that holds a second text, for pairs such as question and answer.', { value: 'NAME' })),
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
});

export const labelField = (kit: FieldKit) => ({
  labelColumn: kit.path
    .default('label')
    .meta(kit.about('Column that holds the label.', { value: 'NAME', aliases: ['label_column_name'] })),
  labelNames: labelNamesField(kit),
});

/** Of all tasks with classes. */
export const labelNamesField = ({ z, about, path }: FieldKit) =>
  z
    .union([path, z.array(path).min(1)])
    .transform((value) => [value].flat().flatMap((text) => text.split(',').map((name) => name.trim())))
    .optional()
    .meta(
      about(
        'Names of the classes in the order of their numbers, where labels are numbers; default those that the data or the model give (docs/labels.md).',
        { value: 'NAME,..', aliases: ['class_names', 'labels'], expects: 'a list of names' },
      ),
    );

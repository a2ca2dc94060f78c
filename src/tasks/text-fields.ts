// Options of tasks that read texts: which columns, and how long a text may be.

import type { FieldKit } from '../config/fields.js';

export const textFields = ({ z, about, path, count }: FieldKit) => ({
  textColumn: path.default('text').meta(
    about('Column (CSV) or key (JSONL) that holds the text.', {
      value: 'NAME',
      aliases: ['text_column_name'],
      first: true,
    }),
  ),
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

/** Of predictions that are texts. */
export const maxNewTokensField = ({ about, count }: FieldKit) =>
  count.default(64).meta(
    about('causal-lm, seq2seq: most tokens that are written behind a prompt, or of a source.', {
      aliases: ['max_new_tokens'],
    }),
  );

/** Of tasks that read long texts in windows. */
export const strideField = ({ z, about }: FieldKit) =>
  z
    .int()
    .min(0)
    .default(128)
    .meta(
      about('Tokens that neighbouring windows of a long text have in common; at most half of a window.', {
        aliases: ['doc_stride'],
      }),
    );

/** Of tasks whose samples may have several labels at once. */
export const multiLabelField = ({ z, about }: FieldKit) =>
  z
    .boolean()
    .default(false)
    .meta(
      about('Several labels may hold at once: a list of them, or 0 and 1 for each.', {
        aliases: ['multi_label', 'problem_type'],
      }),
    );

/** How labels are written that are more than one class each. */
export const labelFormFields = ({ z, about, path }: FieldKit) => ({
  labelColumns: z
    .union([path, z.array(path).min(1)])
    .transform((value) => [value].flat().flatMap((text) => text.split(',').map((name) => name.trim())))
    .optional()
    .meta(
      about(
        'text-classification: columns in place of labelColumn, one for each label, that hold 0 or 1 (multiLabel), a probability, or a score (regression).',
        { value: 'NAME,..', expects: 'a list of names' },
      ),
    ),
  labelRows: z
    .boolean()
    .default(false)
    .meta(
      about(
        'text-classification: labelColumn holds a list with a number for each label: 0 or 1 (multiLabel), else probabilities that add up to 1.',
        { aliases: ['soft_labels'] },
      ),
    ),
  labelSeparator: z
    .string()
    .min(1)
    .optional()
    .meta(
      about('text-classification, multiLabel: what stands between the labels of a text in one field, as in a|b.', {
        value: 'TEXT',
      }),
    ),
  regression: z
    .boolean()
    .default(false)
    .meta(
      about('text-classification: labels are scores, a number or a list of numbers each, and not classes.', {
        aliases: ['problem_type'],
      }),
    ),
});

export const labelField = (kit: FieldKit) => ({
  labelColumn: kit.path
    .default('label')
    .meta(kit.about('Column that holds the label.', { value: 'NAME', aliases: ['label_column_name'], first: true })),
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

// The options of `ortune retrieve`: see fields.ts for the conventions.

import { about, count, files, path, place } from './fields.js';
import { reading } from './reading-fields.js';
import { taskFields } from './task-fields.js';
import { z } from './zod.js';

const { textColumn, pairColumn } = taskFields.all;

/** Texts of a corpus for each text of a task. */
export const retrieveSchema = z.strictObject({
  data: files.meta(
    about('Texts that others are wanted for, such as those of a task: any data files with a column of texts.', {
      value: 'FILE',
      aliases: ['train', 'queries'],
    }),
  ),
  corpus: files.meta(
    about('Texts to choose from, as many as you like: they are passed over and not held.', { value: 'FILE' }),
  ),
  top: count.default(50).meta(about('Texts for each text of data.', { aliases: ['top_k', 'k'] })),
  textColumn,
  pairColumn,
  corpusColumn: path
    .optional()
    .meta(about('Column of the corpus that holds a text; default that of textColumn.', { value: 'NAME' })),
  ...reading,
  output: place.meta(
    about('JSONL to write: the chosen texts, each once, in the order of the corpus.', { value: 'FILE.jsonl' }),
  ),
});

export type RetrieveConfig = z.output<typeof retrieveSchema>;

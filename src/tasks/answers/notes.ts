// What is said before training of where a model that answers questions can be used, and of questions without an answer.

import { ofKind } from '../../data/columns.js';
import type { Table } from '../../data/table.js';
import type { ModelConfig } from '../../transfer/config.js';
import type { TaskConfig } from '../task.js';

/** Families that transformers.js has a class for. */
export const answeringFamilies: readonly string[] = [
  ...['bert', 'neobert', 'roformer', 'electra', 'convbert', 'camembert', 'deberta', 'deberta-v2', 'mpnet', 'albert'],
  ...['distilbert', 'roberta', 'xlm', 'xlm-roberta', 'mobilebert', 'squeezebert'],
];

/** What the user should know before training. @param tables those of training first */
export function answerNotes(
  { model_type: family }: ModelConfig,
  { nullThreshold }: TaskConfig,
  tables: readonly Table[],
): string[] {
  const elsewhere =
    family !== undefined && answeringFamilies.includes(family)
      ? []
      : [
          `transformers.js has no class for question answering with ${family === undefined ? 'a model without model_type in its config.json' : `models of type ${family}`}: ` +
            'its pipeline will not open the result, which ortune predict does',
        ];
  const [training, ...others] = tables.map(unanswered);
  const unsettled = training! > 0 && nullThreshold === undefined && others.every((count) => count === 0);
  const never = `${training} questions of the training data have no answer, and no evaluation data say from which odds on none is to be predicted: predictions will always have one; give evaluation data with such questions, or set nullThreshold`;
  return [...elsewhere, ...(unsettled ? [never] : [])];
}

/** Questions of a table that have no answer. */
function unanswered({ columns, count }: Table): number {
  const answers = ofKind(columns, 'answers', 'ranges');
  let found = 0;
  for (let row = 0; answers && row < count; row++) if (answers.offsets[row] === answers.offsets[row + 1]) found++;
  return found;
}

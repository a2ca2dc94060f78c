// Options of sentence-similarity: the columns of a sample's texts, the loss, and how a vector is made of tokens.

import type { FieldKit } from '../../config/fields.js';
import type { TaskConfig } from '../task.js';
import { textFields } from '../text-fields.js';
import { isClassed, isScored, type LossName, lossNames, maskWidth } from './losses.js';
import { poolings } from './modules.js';

const name = 'sentence-similarity';

/** Columns beside a pair of texts, of tasks that compare texts. */
export const groupFields = ({ z, about, path }: FieldKit) => ({
  negativeColumns: z
    .union([path, z.array(path).min(1)])
    .transform((value) => [value].flat().flatMap((text) => text.split(',').map((one) => one.trim())))
    .optional()
    .meta(
      about('Columns of texts that do not belong to that of textColumn, where that of pairColumn does.', {
        value: 'NAME,..',
        aliases: ['negative_columns'],
        expects: 'a list of names',
      }),
    ),
  scoreColumn: path.optional().meta(
    about('Column of numbers that say how alike the two texts are, or how relevant the second is.', {
      value: 'NAME',
    }),
  ),
});

export function similarityFields(kit: FieldKit) {
  const { z, about, path, count } = kit;
  const { textColumn, pairColumn, maxLength, buckets } = textFields(kit);
  const pooling = {
    pooling: z
      .enum(poolings)
      .optional()
      .meta(
        about(
          `${name}: how one vector comes of those of the tokens; default what the model directory says, else mean.`,
          {
            aliases: ['pooling_mode'],
          },
        ),
      ),
    normalize: z
      .boolean()
      .optional()
      .meta(about(`${name}: vectors are brought to length 1; default what the model directory says, else not.`)),
    queryPrompt: z
      .string()
      .optional()
      .meta(
        about(`${name}: text that goes before those of textColumn; default the prompt query of the model directory.`, {
          value: 'TEXT',
        }),
      ),
    documentPrompt: z
      .string()
      .optional()
      .meta(
        about(`${name}: text that goes before all other texts; default the prompt document of the model directory.`, {
          value: 'TEXT',
        }),
      ),
  };
  const all = {
    textColumn,
    pairColumn,
    ...groupFields(kit),
    classColumn: path
      .optional()
      .meta(
        about(
          `${name}: column of the class of each text, in place of pairColumn: texts of a class belong together, and others do not.`,
          { value: 'NAME' },
        ),
      ),
    similarityLoss: z
      .enum(lossNames)
      .optional()
      .meta(
        about(
          `${name}: what is learnt from: multiple-negatives (pairs; all other texts of the batch are negatives), cosine or cosent (scores), contrastive (scores of 0 and 1), triplet (one negative), supervised-contrastive (classes). Default cosent with scoreColumn, supervised-contrastive with classColumn, else multiple-negatives.`,
        ),
      ),
    symmetric: z
      .boolean()
      .default(false)
      .meta(about(`${name}: of multiple-negatives also the other way: the anchor is found for its positive.`)),
    similarityScale: z
      .number()
      .gt(0)
      .default(20)
      .meta(about(`${name}: what cosines are multiplied by before a softmax; one over the temperature.`)),
    margin: z
      .number()
      .min(0)
      .optional()
      .meta(
        about(`${name}: margin of triplet (default 5) and contrastive (default 0.5).`, { aliases: ['triplet_margin'] }),
      ),
    matryoshkaDims: z
      .union([count, z.array(count).min(1)])
      .transform((value) => [value].flat())
      .optional()
      .meta(
        about(
          `${name}: sizes of leading parts of the vectors that are to stand by themselves; the loss is their sum.`,
          {
            aliases: ['matryoshka_dims'],
          },
        ),
      ),
    maxLength,
    buckets,
    ...pooling,
  };
  const prompt = {
    prompt: path.optional().meta(
      about(
        `${name}: the prompt of the model directory that goes before a text by itself, such as query; default none.`,
        {
          value: 'NAME',
          aliases: ['prompt_name'],
        },
      ),
    ),
  };
  const train = {
    gradientCache: z
      .boolean()
      .default(false)
      .meta(
        about(
          `${name}: the loss compares all samples of a step, of gradientAccumulationSteps batches, which go through the model one after the other, twice (gradient caching): as one batch of all would, in the memory of one.`,
          { aliases: ['gradient_cache', 'cached'] },
        ),
      ),
  };
  return { all, train, predict: { textColumn, pairColumn, maxLength, buckets, ...pooling, ...prompt } };
}

/** The loss that is meant. */
export const lossOf = ({ similarityLoss, scoreColumn, classColumn }: TaskConfig): LossName => {
  const plain = classColumn === undefined ? 'multiple-negatives' : 'supervised-contrastive';
  return similarityLoss ?? (scoreColumn === undefined ? plain : 'cosent');
};

/** Roles of the columns of texts, and their names. */
export const textRoles = ({
  textColumn,
  pairColumn,
  negativeColumns = [],
}: TaskConfig): [role: string, name: string][] => [
  ['text', textColumn],
  ...(pairColumn === undefined ? [] : [['pair', pairColumn] as [string, string]]),
  ...(negativeColumns as string[]).map((column, i): [string, string] => [`negative${i}`, column]),
];

/** Of the columns of texts that a task compares. */
export function* textContradictions(task: string, config: TaskConfig): Generator<string> {
  if (config.pairColumn === undefined)
    yield `task ${task} compares texts, and one column makes no pair: set 'pairColumn', the column with the text that belongs to that of textColumn`;
  const names = textRoles(config).map(([, column]) => column);
  const twice = names.find((column, i) => names.indexOf(column) !== i);
  if (twice !== undefined)
    yield `column '${twice}' is named twice among textColumn, pairColumn and negativeColumns: a text is always like itself; name another`;
}

export function* similarityContradictions(config: TaskConfig): Generator<string> {
  const { negativeColumns = [], scoreColumn, symmetric, weightColumn, matryoshkaDims = [], margin } = config;
  const loss = lossOf(config);
  if (config.classColumn === undefined) yield* textContradictions(name, config);
  else yield* classContradictions(config);
  if (isClassed(loss) && config.classColumn === undefined)
    yield `option 'similarityLoss' ${loss} learns from classes: set 'classColumn', or choose another loss`;
  if (isScored(loss) && scoreColumn === undefined)
    yield `option 'similarityLoss' ${loss} learns from scores: set 'scoreColumn', or choose another loss`;
  if (!isScored(loss) && scoreColumn !== undefined)
    yield `options 'scoreColumn' and 'similarityLoss' contradict each other: ${loss} reads no scores; leave one out, or choose cosent, cosine or contrastive`;
  if (isScored(loss) && negativeColumns.length > 0)
    yield `options 'negativeColumns' and 'similarityLoss' contradict each other: ${loss} learns from pairs with scores; leave one out`;
  if (loss === 'triplet' && negativeColumns.length !== 1)
    yield `option 'similarityLoss' triplet learns from one negative: set 'negativeColumns' to one column, found ${negativeColumns.length}`;
  if (symmetric && loss !== 'multiple-negatives')
    yield `option 'symmetric' is for multiple-negatives, and the loss is ${loss}; leave it out`;
  if (margin !== undefined && loss !== 'triplet' && loss !== 'contrastive')
    yield `option 'margin' is for triplet and contrastive, and the loss is ${loss}; leave it out`;
  if (weightColumn !== undefined && loss === 'cosent')
    yield "options 'weightColumn' and 'similarityLoss' contradict each other: cosent compares pairs of samples, which have no weight of their own; leave one out";
  yield* cacheContradictions(config, loss);
  if (new Set(matryoshkaDims).size !== matryoshkaDims.length)
    yield "option 'matryoshkaDims' names a size twice; name each once";
}

function* classContradictions(config: TaskConfig): Generator<string> {
  const { classColumn, textColumn, pairColumn, negativeColumns = [], scoreColumn } = config;
  const others = { pairColumn, scoreColumn, negativeColumns: negativeColumns.length > 0 ? negativeColumns : undefined };
  for (const [option, given] of Object.entries(others))
    if (given !== undefined)
      yield `options 'classColumn' and '${option}' contradict each other: the classes say which texts belong together; leave one out`;
  if (classColumn === textColumn)
    yield `column '${classColumn}' is named as textColumn and as classColumn; name the column of the classes`;
  if (!isClassed(lossOf(config)))
    yield `options 'classColumn' and 'similarityLoss' contradict each other: ${lossOf(config)} compares given pairs; leave one out`;
}

function* cacheContradictions(config: TaskConfig, loss: LossName): Generator<string> {
  const { gradientCache, gradientAccumulationSteps = 1, precision = 'float32' } = config;
  if (!gradientCache) return;
  if (maskWidth({ loss, texts: 2 }) === undefined)
    yield `option 'gradientCache' is for losses that compare samples with each other, multiple-negatives, cosent and supervised-contrastive; ${loss} looks at each by itself, which gradientAccumulationSteps alone is for; leave it out`;
  if (gradientAccumulationSteps === 1)
    yield "option 'gradientCache' is for steps of several batches: set 'gradientAccumulationSteps' to their number";
  if (precision !== 'float32')
    yield `options 'gradientCache' and 'precision' contradict each other: gradients of vectors are passed on in float32, and precision is ${precision}; leave one out`;
}

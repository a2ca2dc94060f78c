// Options of evaluations in which a model writes by itself: how much, what is measured of its texts, and how many of
// them a run shows.

import type { FieldKit } from '../../config/fields.js';
import { textMetrics as known } from '../../metrics/texts/figures.js';
import { rougeWords } from '../../metrics/texts/rouge.js';
import { textTokenizers } from '../../metrics/texts/tokenizers.js';
import type { TaskConfig } from '../task.js';

const tasks = 'causal-lm, seq2seq';

/** Of all evaluations, and of those of a run alone. */
export function writingFields({ z, about, path, count }: FieldKit) {
  const all = {
    predictWithGenerate: z
      .boolean()
      .default(false)
      .meta(
        about(`${tasks}: the model writes by itself, and its texts are compared with the targets (textMetrics).`, {
          aliases: ['predict_with_generate'],
        }),
      ),
    // Not maxNewTokens: by that other tasks know a prediction.
    generationMaxLength: count.default(64).meta(
      about(`${tasks}, predictWithGenerate, generateSamples: most tokens that are written of a sample, greedily.`, {
        aliases: ['generation_max_length'],
      }),
    ),
    textMetrics: z
      .union([path, z.array(path).min(1)])
      .transform((value) => [value].flat().flatMap((text) => text.split(',').map((one) => one.trim())))
      .default(['bleu', 'chrf'])
      .meta(
        about(
          `${tasks}, predictWithGenerate: what is measured of texts, of ${known.join(', ')} (docs/text-metrics.md).`,
          { value: 'NAME,..', expects: 'a list of names' },
        ),
      ),
    textTokenizer: z
      .enum(textTokenizers)
      .default('13a')
      .meta(about(`${tasks}, predictWithGenerate: tokens of BLEU, METEOR and distinct-n; zh for Chinese.`)),
    rougeWords: z
      .enum(rougeWords)
      .default('latin')
      .meta(about(`${tasks}, predictWithGenerate: words of ROUGE, a to z and digits, or letters of all scripts.`)),
  };
  const train = {
    generateSamples: z
      .int()
      .min(0)
      .default(3)
      .meta(
        about(
          `${tasks}: of so many samples of the evaluation data, the first ones, the model writes by itself at each evaluation, which the log shows; 0: none.`,
          { changesNothing: true },
        ),
      ),
  };
  return { all, train };
}

export function* writingContradictions(config: TaskConfig): Iterable<string> {
  const { textMetrics, predictWithGenerate, train, eval: files, evalSplit, test } = config;
  if (predictWithGenerate && train !== undefined && !files && evalSplit === undefined && !test)
    yield "option 'predictWithGenerate' needs data to evaluate on: give 'eval', 'evalSplit' or 'test', or leave predictWithGenerate out";
  const names: readonly string[] = known;
  const other = (textMetrics as string[] | undefined)?.find((one) => !names.includes(one));
  if (other !== undefined) yield `option 'textMetrics': there is no '${other}'; there are ${known.join(', ')}`;
}

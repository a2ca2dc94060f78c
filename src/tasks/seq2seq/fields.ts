// Options of texts to texts: the columns, what goes before a source, lengths, and what is measured of texts that the
// model writes by itself.

import type { FieldKit } from '../../config/fields.js';
import { textMetrics as known } from '../../metrics/texts/figures.js';
import { rougeWords } from '../../metrics/texts/rouge.js';
import { textTokenizers } from '../../metrics/texts/tokenizers.js';
import type { TaskConfig } from '../task.js';
import { maxNewTokensField, textFields } from '../text-fields.js';

const name = 'seq2seq';

export function sequenceFields(kit: FieldKit) {
  const { z, about, path, count } = kit;
  const { maxLength, buckets } = textFields(kit);
  const columns = {
    sourceColumn: path
      .optional()
      .meta(about(`${name}: column that holds what is read, such as document; default source.`, { value: 'NAME' })),
    targetColumn: path
      .optional()
      .meta(
        about(`${name}: column that holds what is to be written, such as summary; default target.`, { value: 'NAME' }),
      ),
    sourceLang: path.optional().meta(
      about(`${name}: key of the source in the column translation, as in {"translation": {"en": …, "de": …}}.`, {
        value: 'KEY',
        aliases: ['source_lang'],
      }),
    ),
    targetLang: path
      .optional()
      .meta(about(`${name}: key of the target there.`, { value: 'KEY', aliases: ['target_lang'] })),
  };
  const sourcePrefix = z
    .string()
    .optional()
    .meta(
      about(`${name}: goes before every source, as in 'translate English to German: '; default that of the model.`, {
        value: 'TEXT',
        aliases: ['source_prefix', 'prefix'],
      }),
    );
  const maxTargetLength = count.optional().meta(
    about(`${name}: longest target in tokens; longer ones are cut and counted. Default maxLength.`, {
      aliases: ['max_target_length'],
    }),
  );
  const measured = {
    predictWithGenerate: z
      .boolean()
      .default(false)
      .meta(
        about(`${name}, eval: the model writes by itself, and its texts are compared with the targets (textMetrics).`, {
          aliases: ['predict_with_generate'],
        }),
      ),
    // Not maxNewTokens: by that other tasks know a prediction.
    generationMaxLength: count.default(64).meta(
      about(`${name}, predictWithGenerate: most tokens that are written for a source, greedily.`, {
        aliases: ['generation_max_length'],
      }),
    ),
    textMetrics: z
      .union([path, z.array(path).min(1)])
      .transform((value) => [value].flat().flatMap((text) => text.split(',').map((one) => one.trim())))
      .default(['bleu', 'chrf'])
      .meta(
        about(
          `${name}, predictWithGenerate: what is measured of texts, of ${known.join(', ')} (docs/text-metrics.md).`,
          { value: 'NAME,..', expects: 'a list of names' },
        ),
      ),
    textTokenizer: z
      .enum(textTokenizers)
      .default('13a')
      .meta(about(`${name}, predictWithGenerate: tokens of BLEU, METEOR and distinct-n; zh for Chinese.`)),
    rougeWords: z
      .enum(rougeWords)
      .default('latin')
      .meta(about(`${name}, predictWithGenerate: words of ROUGE, a to z and digits, or letters of all scripts.`)),
  };
  const { sourceColumn, sourceLang } = columns;
  return {
    all: { ...columns, sourcePrefix, maxLength, maxTargetLength, buckets, ...measured },
    train: {},
    predict: { sourceColumn, sourceLang, sourcePrefix, maxLength, buckets, maxNewTokens: maxNewTokensField(kit) },
  };
}

export function* sequenceContradictions(config: TaskConfig): Iterable<string> {
  const { sourceColumn, targetColumn, sourceLang, targetLang, predictWithGenerate, textMetrics, train } = config;
  // Predictions have no targets.
  if ('targetColumn' in config || 'predictWithGenerate' in config) {
    if ((sourceLang === undefined) !== (targetLang === undefined))
      yield `options 'sourceLang' and 'targetLang' belong together: set ${sourceLang === undefined ? 'sourceLang' : 'targetLang'} too, or leave both out`;
    if (sourceLang !== undefined && sourceLang === targetLang)
      yield `options 'sourceLang' and 'targetLang' are both '${sourceLang}': a text would be translated into itself`;
  }
  if (sourceLang !== undefined && (sourceColumn !== undefined || targetColumn !== undefined))
    yield "options 'sourceLang' and 'targetLang' name keys of the column translation; leave sourceColumn and targetColumn out";
  const names: readonly string[] = known;
  const other = (textMetrics as string[] | undefined)?.find((one) => !names.includes(one));
  if (other !== undefined) yield `option 'textMetrics': there is no '${other}'; there are ${known.join(', ')}`;
  if (predictWithGenerate && train !== undefined)
    yield "option 'predictWithGenerate' is of eval, which runs the saved files: leave it out here, and measure the trained model";
}

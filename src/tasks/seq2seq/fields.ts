// Options of texts to texts: the columns, what goes before a source, and lengths.

import type { FieldKit } from '../../config/fields.js';
import type { TaskConfig } from '../task.js';
import { maxNewTokensField, textFields } from '../text-fields.js';
import { writingContradictions, writingFields } from '../writing/fields.js';

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
      about(
        `${name}: language of the sources: their key in the column translation, as in {"translation": {"en": …, "de": …}}, and of models of many languages (mBART, M2M-100, NLLB) their code there, such as en_XX.`,
        {
          value: 'CODE',
          aliases: ['source_lang'],
        },
      ),
    ),
    targetLang: path
      .optional()
      .meta(about(`${name}: language of the targets.`, { value: 'CODE', aliases: ['target_lang'] })),
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
  const writing = writingFields(kit);
  const { sourceColumn, sourceLang, targetLang } = columns;
  return {
    all: { ...columns, sourcePrefix, maxLength, maxTargetLength, buckets, ...writing.all },
    train: writing.train,
    predict: {
      sourceColumn,
      sourceLang,
      targetLang,
      sourcePrefix,
      maxLength,
      buckets,
      maxNewTokens: maxNewTokensField(kit),
    },
  };
}

export function* sequenceContradictions(config: TaskConfig): Iterable<string> {
  const { sourceLang, targetLang } = config;
  // Predictions have no targets.
  if ('targetColumn' in config || 'predictWithGenerate' in config) {
    if ((sourceLang === undefined) !== (targetLang === undefined))
      yield `options 'sourceLang' and 'targetLang' belong together: set ${sourceLang === undefined ? 'sourceLang' : 'targetLang'} too, or leave both out`;
    if (sourceLang !== undefined && sourceLang === targetLang)
      yield `options 'sourceLang' and 'targetLang' are both '${sourceLang}': a text would be translated into itself`;
  }
  yield* writingContradictions(config);
}

// Texts to texts: translation, summaries, anything that a model of an encoder and a decoder (T5, BART, Marian) writes
// of what it reads. Its two files are trained as one graph: what the encoder gives is what the decoder attends to, and
// the decoder is the branch of the merged file that reads whole targets. The loss is the mean cross-entropy of the
// target's tokens, each given those before it.

import type { ColumnSpec } from '../data/columns.js';
import { bucketsUpTo, sequenceLengths } from '../data/sequence-lengths.js';
import type { Table } from '../data/table.js';
import { tokenAxes, tokenFields } from '../data/text/encode.js';
import { surveyTexts } from '../data/text/survey.js';
import { readTokenizer } from '../data/tokenizer/files.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import { ModelError } from '../errors.js';
import type { LanguageModelResult } from '../metrics/language-model.js';
import { metricsLine } from '../report/metrics.js';
import { readModelConfig, textDropout } from '../transfer/config.js';
import { tokenResults } from './causal/results.js';
import { decoderInput, type SequenceEncoding, sequenceEncoder, targetAxis, targetFields } from './seq2seq/encode.js';
import { ownPrefix, prefixNotes, sequenceTokens, withPrefix } from './seq2seq/model.js';
import type { Prediction, Task, TaskConfig } from './task.js';
import { textFields } from './text-fields.js';
import { refusePacked, refusePictures } from './texts.js';
import { lossAtTokens, tokenLogits } from './token-loss.js';
import { tokenMeter, tokenMetrics } from './token-meter.js';

const name = 'seq2seq';
const encoderFile = 'encoder_model';

export interface SequenceOptions {
  /** What goes before every source. */
  prefix: string;
}

export const seq2seq = {
  name,
  purpose: 'texts to texts: translation, summaries',
  fields: (kit) => {
    const { z, about, path, count } = kit;
    const { maxLength, buckets } = textFields(kit);
    const all = {
      sourceColumn: path
        .optional()
        .meta(about(`${name}: column that holds what is read, such as document; default source.`, { value: 'NAME' })),
      targetColumn: path.optional().meta(
        about(`${name}: column that holds what is to be written, such as summary; default target.`, {
          value: 'NAME',
        }),
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
      sourcePrefix: z
        .string()
        .optional()
        .meta(
          about(
            `${name}: goes before every source, as in 'translate English to German: '; default that of the model.`,
            {
              value: 'TEXT',
              aliases: ['source_prefix', 'prefix'],
            },
          ),
        ),
      maxLength,
      maxTargetLength: count.optional().meta(
        about(`${name}: longest target in tokens; longer ones are cut and counted. Default maxLength.`, {
          aliases: ['max_target_length'],
        }),
      ),
      buckets,
    };
    return { all, train: {}, predict: {} };
  },
  shared: ['sourceColumn', 'targetColumn', 'sourceLang', 'targetLang', 'sourcePrefix'] as const,
  *contradictions({ sourceColumn, targetColumn, sourceLang, targetLang }) {
    if ((sourceLang === undefined) !== (targetLang === undefined))
      yield `options 'sourceLang' and 'targetLang' belong together: set ${sourceLang === undefined ? 'sourceLang' : 'targetLang'} too, or leave both out`;
    if (sourceLang !== undefined && sourceLang === targetLang)
      yield `options 'sourceLang' and 'targetLang' are both '${sourceLang}': a text would be translated into itself`;
    if (sourceLang !== undefined && (sourceColumn !== undefined || targetColumn !== undefined))
      yield "options 'sourceLang' and 'targetLang' name keys of the column translation; leave sourceColumn and targetColumn out";
  },
  options: ({ sourcePrefix }, { directory } = {}): SequenceOptions => ({
    prefix: sourcePrefix ?? (directory === undefined ? '' : ownPrefix(readModelConfig(directory))),
  }),
  columns: sequenceColumns,
  classes: false,
  refuses: refusePictures(name, 'image-classification'),
  parts: [
    { file: encoderFile },
    {
      file: 'decoder_model_merged',
      inputs: {
        input_ids: decoderInput,
        encoder_hidden_states: `${encoderFile}/last_hidden_state`,
        encoder_attention_mask: 'attention_mask',
      },
    },
  ],
  siblings: ['decoder_model', 'decoder_with_past_model'],
  // The files stay as they are, with the outputs that a cache is made of.
  head: 'none',
  headDropout: false,
  dropout: textDropout,
  // Nothing is kept of a frozen trunk (no writeTargets): the decoder reads the targets.
  cacheable: () => false,
  async plan(model, config, tables, { prefix }) {
    refusePacked(tables, 'packed texts are of one column; give the texts themselves');
    const { directory, inputs, maxPositions, embeddingRows, purpose } = model;
    if (!inputs.some((input) => input.name === decoderInput))
      throw new ModelError(`${directory}: the decoder has no input for the tokens of a target (input_ids)`);
    const { maxLength, buckets } = sequenceLengths(
      { positions: maxPositions },
      { maxLength: config.maxLength, buckets: config.buckets },
    );
    const maxTargetLength = Math.min(config.maxTargetLength ?? maxLength, maxPositions);
    const { start, pad } = sequenceTokens(directory);
    const files: TextEncoding = { directory, maxLength, hash: readTokenizer(directory).hash, embeddingRows };
    const notes = purpose === 'train' ? await surveyTexts(files, [...tables, ...tables.map(ofTargets)]) : [];
    const encoding: SequenceEncoding = { files, maxTargetLength, prefix, start, pad };
    return {
      fields: [...tokenFields(inputs.filter((input) => input.name !== decoderInput)), ...targetFields],
      axes: { ...tokenAxes(buckets), [targetAxis]: { buckets: bucketsUpTo(maxTargetLength) } },
      encoding,
      preprocessing: { maxLength, maxTargetLength, buckets, prefix, start, pad },
      maxLength,
      notes: [...new Set(notes), ...(purpose === 'train' ? prefixNotes(readModelConfig(directory), prefix) : [])],
    };
  },
  encoder: (encoding) => sequenceEncoder(encoding as SequenceEncoding),
  outputs: (_, { main }) => ({ logits: main }),
  loss(b, { logits }, { labelSmoothing }) {
    const [batch, length] = tokenLogits(b, logits!, name, 'Export the model for text2text-generation.');
    const found = lossAtTokens(b, logits!, 'target_positions', batch * length, { labelSmoothing });
    return { ...found, results: { tokenLoss: found.loss, predictions: found.predictions } };
  },
  resultsOf: (saved, batch) => tokenResults(saved, batch),
  metrics: () => tokenMetrics,
  meter: tokenMeter,
  report: ({ samples, tokens, ...figures }) => `${samples} texts, ${tokens} tokens: ${metricsLine(figures)}`,
  config: (config, _, { prefix }) => withPrefix(config, prefix),
} satisfies Task<SequenceOptions, LanguageModelResult, Prediction>;

function sequenceColumns({ sourceColumn, targetColumn, sourceLang, targetLang }: TaskConfig): ColumnSpec[] {
  const within = sourceLang === undefined ? {} : { within: 'translation' };
  return [
    { role: 'text', kind: 'text', name: sourceLang ?? sourceColumn ?? 'source', ...within },
    { role: 'target', kind: 'text', name: targetLang ?? targetColumn ?? 'target', target: true, ...within },
  ];
}

/** A table with the targets in the place of the texts. */
const ofTargets = (table: Table): Table => {
  const { target } = table.columns;
  return target ? { ...table, columns: { text: target } } : table;
};

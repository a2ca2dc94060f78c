// Texts to texts: translation, summaries, anything that a model of an encoder and a decoder (T5, BART, Marian) writes
// of what it reads. Its two files are trained as one graph: what the encoder gives is what the decoder attends to, and
// the decoder is the branch of the merged file that reads whole targets. The loss is the mean cross-entropy of the
// target's tokens, each given those before it.

import { type ColumnSpec, ofKind, textAt } from '../data/columns.js';
import { bucketsUpTo, sequenceLengths } from '../data/sequence-lengths.js';
import type { Table } from '../data/table.js';
import { tokenAxes, tokenFields } from '../data/text/encode.js';
import { surveyTexts } from '../data/text/survey.js';
import { readTokenizer } from '../data/tokenizer/files.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import { ModelError, UsageError } from '../errors.js';
import { readModelConfig, textDropout } from '../transfer/config.js';
import type { Writer } from './causal/generate.js';
import { continued, tokenResults, type WritingPrediction, writtenTexts } from './causal/results.js';
import { countedAxis, countedAxisOf, countedFields } from './counted-tokens.js';
import { decoderField, decoderInput, type SequenceEncoding, sequenceEncoder, targetAxis } from './seq2seq/encode.js';
import { sequenceContradictions, sequenceFields } from './seq2seq/fields.js';
import { type Languages, languagesOf, refuseSwapped } from './seq2seq/languages.js';
import { languageFiles, ownPrefix, prefixNotes, sequenceTokens, withPrefix } from './seq2seq/model.js';
import { notOneModel } from './seq2seq/one-model.js';
import type { MeasuredBatch, Results, SavedFiles, Task, TaskConfig } from './task.js';
import { refusePacked, refusePictures } from './texts.js';
import { lossAtTokens, tokenLogits } from './token-loss.js';
import { type WritingResult, writingMeter } from './writing/meter.js';
import { checkLibrary, type Writing, wantedOf, writingMetrics, writingOf } from './writing/options.js';
import { writingReport } from './writing/report.js';

const name = 'seq2seq';
const encoderFile = 'encoder_model';

export interface SequenceOptions {
  /** What goes before every source. */
  prefix: string;
  /** Where texts carry a token of their language. */
  languages?: Languages;
  /** Most logits that are there at once in training; default 2^24. */
  mostLogits?: number;
  /** Of predictions: most tokens that are written. */
  maxNewTokens?: number;
  /** What the model writes by itself in evaluations. */
  writing?: Writing;
}

const written = {
  wanted: ({ writing }: SequenceOptions) => wantedOf(writing),
  of: (files: SavedFiles, batch: MeasuredBatch, options: SequenceOptions, rows: number) =>
    // The first position is that of the token that the decoder starts with.
    continued(files, batch, Math.min(options.writing!.maxNewTokens, files.maxPositions - 1), writes(options), rows),
};

const writes = ({ languages }: SequenceOptions): Writer => ({
  kind: 'sequence',
  start: languages?.start,
  forced: languages?.forced,
});

export const seq2seq = {
  name,
  purpose: 'texts to texts: translation, summaries',
  fields: sequenceFields,
  shared: ['sourceColumn', 'targetColumn', 'sourceLang', 'targetLang', 'sourcePrefix'] as const,
  contradictions: sequenceContradictions,
  opens: ({ inputs }) => inputs.some(({ name }) => name === decoderInput),
  options(config, { directory } = {}): SequenceOptions {
    const { sourcePrefix, maxNewTokens } = config;
    const prefix = sourcePrefix ?? (directory === undefined ? '' : ownPrefix(readModelConfig(directory)));
    const writing = writingOf(config);
    const languages = directory === undefined ? undefined : pairOf(config, directory, prefix);
    return {
      prefix,
      ...(maxNewTokens !== undefined && { maxNewTokens }),
      ...(writing && { writing }),
      ...(languages && { languages }),
    };
  },
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
  apart: notOneModel,
  siblings: ['decoder_model', 'decoder_with_past_model'],
  // The files stay as they are, with the outputs that a cache is made of.
  head: 'none',
  peftType: 'SEQ_2_SEQ_LM',
  headDropout: false,
  dropout: textDropout,
  // Nothing is kept of a frozen trunk (no writeTargets): the decoder reads the targets.
  cacheable: () => false,
  async plan(model, config, tables, { prefix, maxNewTokens, writing, languages }) {
    refusePacked(tables, 'packed texts are of one column; give the texts themselves');
    const { directory, inputs, maxPositions, embeddingRows, purpose } = model;
    checkLibrary(writing);
    if (!inputs.some((input) => input.name === decoderInput))
      throw new ModelError(`${directory}: the decoder has no input for the tokens of a target (input_ids)`);
    const { maxLength, buckets } = sequenceLengths(
      { positions: maxPositions },
      { maxLength: config.maxLength, buckets: config.buckets },
    );
    const most = maxNewTokens ?? (writing?.metrics ? writing.maxNewTokens : 0);
    if (most >= maxPositions)
      throw new UsageError(
        `option '${maxNewTokens === undefined ? 'generationMaxLength' : 'maxNewTokens'}' is ${most}, and the decoder of ${directory} has ${maxPositions} positions, one of them for its start: set it lower`,
      );
    const maxTargetLength = Math.min(config.maxTargetLength ?? maxLength, maxPositions);
    const { start, pad } = sequenceTokens(directory, languages?.start);
    const around = languages?.around;
    const files: TextEncoding = { directory, maxLength, hash: readTokenizer(directory).hash, embeddingRows };
    const notes = purpose === 'train' ? await surveyTexts(files, [...tables, ...tables.map(ofTargets)]) : [];
    const encoding: SequenceEncoding = { files, maxTargetLength, prefix, around, start, pad };
    const fields = tokenFields(inputs.filter((input) => input.name !== decoderInput));
    if (maxNewTokens !== undefined) {
      const alone = { ...files, tolerant: true };
      const sources = { ...encoding, files: alone, sourcesAlone: true };
      return {
        fields,
        axes: tokenAxes(buckets),
        encoding: sources,
        preprocessing: { maxLength, buckets, prefix, around },
        maxLength,
      };
    }
    const lengths = bucketsUpTo(maxTargetLength);
    return {
      fields: [...fields, decoderField, ...countedFields],
      axes: { ...tokenAxes(buckets), [targetAxis]: { buckets: lengths }, [countedAxis]: countedAxisOf(lengths) },
      encoding,
      preprocessing: { maxLength, maxTargetLength, buckets, prefix, around, start, pad },
      maxLength,
      notes: [...new Set(notes), ...(purpose === 'train' ? prefixNotes(readModelConfig(directory), prefix) : [])],
    };
  },
  encoder: (encoding) => sequenceEncoder(encoding as SequenceEncoding),
  outputs: (_, { main }) => ({ logits: main }),
  shapedBy: ['target_positions'],
  loss(b, { logits }, { labelSmoothing, shapes, mostLogits }) {
    const [batch, length] = tokenLogits(b, logits!, name, 'Export the model for text2text-generation.');
    const targets = shapes?.target_positions?.[0] ?? batch * length;
    const found = lossAtTokens(b, logits!, 'target_positions', targets, { labelSmoothing, mostLogits });
    return { ...found, results: { tokenLoss: found.loss, predictions: found.predictions } };
  },
  async resultsOf(saved, batch, options, mode) {
    if (mode === 'predict') return continued(saved, batch, options.maxNewTokens!, writes(options));
    const found = await tokenResults(saved, batch);
    return options.writing ? { ...found, ...(await written.of(saved, batch, options, batch.samples.length)) } : found;
  },
  written,
  metrics: ({ writing }) => writingMetrics(writing),
  meter: ({ directory }, { writing }) => writingMeter(writing, directory, toldOf),
  report: (result) => writingReport(result, 'texts'),
  predict: (results, batch, _, __, tools) => writtenTexts(results, batch, tools),
  unusable: (error): WritingPrediction => ({ text: '', finished: false, error }),
  show: ({ text, error }, what) => `${what}\t${error ?? text}`,
  config: (config, _, { prefix }) => withPrefix(config, prefix),
  files: ({ languages }, { directory }) => (languages ? languageFiles(directory, languages) : {}),
} satisfies Task<SequenceOptions, WritingResult, WritingPrediction>;

function sequenceColumns({ sourceColumn, targetColumn, sourceLang, targetLang }: TaskConfig): ColumnSpec[] {
  const columns = [
    { role: 'text', kind: 'text', column: sourceColumn ?? 'source', language: sourceLang },
    { role: 'target', kind: 'text', column: targetColumn ?? 'target', language: targetLang, target: true },
  ] as const;
  const named = sourceColumn !== undefined || targetColumn !== undefined;
  return columns.map(({ column, language, ...spec }): ColumnSpec => {
    if (named || language === undefined) return { ...spec, name: column };
    // Data have en where a model has en_XX.
    const others = language.includes('_') ? [language.split('_')[0]!] : [];
    return { ...spec, name: language, within: 'translation', others };
  });
}

/**
 * The languages of a model of many. @throws UsageError, ModelError where languages do not fit model, data or each other
 */
function pairOf(config: TaskConfig, directory: string, prefix: string): Languages | undefined {
  const { sourceLang, targetLang, sourceColumn, targetColumn } = config;
  const languages = languagesOf(directory, { source: sourceLang, target: targetLang });
  if (!languages && sourceLang !== undefined && (sourceColumn !== undefined || targetColumn !== undefined))
    throw new UsageError(
      "options 'sourceLang' and 'targetLang' name keys of the column translation for a model of one pair of languages; leave sourceColumn and targetColumn out",
    );
  refuseSwapped(directory, { sourceLang, targetLang, sourceColumn, targetColumn, prefix });
  return languages;
}

/** A table with the targets in the place of the texts. */
const ofTargets = (table: Table): Table => {
  const { target } = table.columns;
  return target ? { ...table, columns: { text: target } } : table;
};

/** Of a row of a batch: what was read, and what is to be written. */
const toldOf = (_: Results, { slices }: MeasuredBatch, row: number) => ({
  input: textAt(ofKind(slices, 'text', 'text')!, row),
  target: textAt(ofKind(slices, 'target', 'text')!, row),
});

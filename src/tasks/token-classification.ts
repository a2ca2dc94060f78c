// A label for each word of a text: names, places and dates, parts of speech. Words come with their tags, or texts with
// ranges of characters. Each piece of a word is a token, and every token has a loss: the first the word's tag, the
// others its inside form (B-PER → I-PER), since transformers.js labels each piece by itself. Long texts are read in
// windows, and each token counts in the one in which it has most context.

import type { ColumnSpec, RowForm } from '../data/columns.js';
import { locationOf, type Table } from '../data/table.js';
import type { TextEncoding } from '../data/tokenizer/protocol.js';
import { DataError, ModelError, UsageError } from '../errors.js';
import { crossEntropy } from '../metrics/cross-entropy.js';
import { isPrefixed, schemeOf } from '../metrics/entities.js';
import type { Builder } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { quote } from '../quote.js';
import { metricsLine } from '../report/metrics.js';
import { textDropout } from '../transfer/config.js';
import { architecture, withLabels } from './classes.js';
import { loadLossFiles } from './losses/loss-files.js';
import { weighted } from './losses/named.js';
import {
  addOwnLoss,
  lossContradictions,
  lossesByOwn,
  lossField,
  lossFilesOf,
  lossNotes,
  lossWith,
  type OwnLossOptions,
  ownLoss,
  savedLoss,
} from './losses/own.js';
import { meanCrossEntropy } from './losses.js';
import { asLogits } from './reading.js';
import type { MeasuredBatch, Outputs, Results, SavedRun, Task, TaskConfig, TaskLoss } from './task.js';
import { labelNamesField, strideField, textFields } from './text-fields.js';
import { readsTexts, refusePictures, textPlan } from './texts.js';
import { type Aggregation, aggregations } from './tokens/entities.js';
import { insideOf, tokenLabelFields, writeTokenLabels } from './tokens/labels.js';
import { type TokenResult, tokenMeter } from './tokens/meter.js';
import { mergeWindows, predictPieces, showTokens, type TokenPrediction } from './tokens/predictions.js';

export type { Entity } from './tokens/entities.js';
export type { TokenResult } from './tokens/meter.js';
export type { TokenPrediction } from './tokens/predictions.js';

const name = 'token-classification';

interface Encoding extends TextEncoding {
  /** For each tag the tag of the pieces behind a word's first; empty where they have no loss. */
  inside: readonly number[];
  stride: number;
}

export interface TokenOptions extends OwnLossOptions {
  aggregation: Aggregation;
}

export const tokenClassification = {
  name,
  purpose: 'a label for each word of a text',
  fields: (kit) => {
    const { about, path, z } = kit;
    const { maxLength, buckets, textColumn } = textFields(kit);
    const stride = strideField(kit);
    const aggregation = z
      .enum(aggregations)
      .default('first')
      .meta(
        about(
          `${name}: how tokens become entities, as in the transformers library: none (each token), simple, or by words: first, average, max.`,
          { aliases: ['aggregation_strategy'] },
        ),
      );
    const wordsColumn = path
      .default('tokens')
      .meta(about(`${name}: column that holds the words of a text, a list of them.`, { value: 'NAME' }));
    const all = {
      wordsColumn,
      tagsColumn: path.default('tags').meta(
        about(`${name}: column that holds a tag for each word, a list of names or numbers.`, {
          value: 'NAME',
          aliases: ['ner_tags', 'pos_tags'],
        }),
      ),
      labelAllPieces: z
        .boolean()
        .default(true)
        .meta(
          about(`${name}: pieces of a word behind its first are trained too, as the inside form of its tag (I-).`, {
            aliases: ['label_all_tokens'],
          }),
        ),
      labelNames: labelNamesField(kit),
      loss: lossField(kit),
      spansColumn: path
        .optional()
        .meta(
          about(
            `${name}: column that holds ranges of the text's characters with a label each, in place of words and tags; default what exports of usual programs have.`,
            { value: 'NAME' },
          ),
        ),
      textColumn,
      stride,
      maxLength,
      buckets,
    };
    return { all, train: {}, predict: { wordsColumn, textColumn, aggregation, stride, maxLength, buckets } };
  },
  load: loadLossFiles,
  lossFiles: lossFilesOf,
  shared: ['wordsColumn', 'tagsColumn', 'spansColumn', 'labelAllPieces', 'labelNames', 'loss'] as const,
  opens: ({ inputs, config }) =>
    readsTexts(inputs) && config.architectures?.some((one) => one.endsWith('ForTokenClassification')) === true,
  *contradictions(config) {
    const { pairColumn, classWeights, sampling } = config;
    if (pairColumn !== undefined)
      yield `option 'pairColumn' is for pairs of texts, and the task is ${name}; leave it out`;
    if (classWeights !== undefined)
      yield `option 'classWeights' is for one class a sample, and the task is ${name}; leave it out`;
    if (sampling === 'balanced')
      yield `option 'sampling' balanced draws classes, and with task ${name} a sample has many; choose another sampling`;
    yield* lossContradictions(config, 'class');
  },
  options: ({ aggregation = 'first', ...config }): TokenOptions => ({ aggregation, ...ownLoss(config, 'class') }),
  ofModel: ({ config }, { loss }) => lossWith(config, loss),
  columns: tokenColumns,
  classes: true,
  refuses: refusePictures(name, 'image-classification'),
  head: 'tokens',
  peftType: 'TOKEN_CLS',
  headDropout: true,
  dropout: textDropout,
  // Nothing is kept of a frozen trunk (no writeTargets): where the tags go depends on the tokens.
  cacheable: () => false,
  async plan(model, config, tables, options) {
    const plan = await textPlan(model, config, tables);
    if (model.purpose === 'train') refuseOtherTags(model.labels, tables);
    const inside = config.labelAllPieces === false ? [] : model.labels.map((label) => insideOf(label, model.labels));
    const { stride } = config;
    const { countWindows } = await import('../data/text/windows.js');
    const { tokenNotes } = await import('./tokens/notes.js');
    const texts = plan.encoding as TextEncoding;
    return {
      ...plan,
      encoding: { ...plan.encoding, inside, stride },
      preprocessing: { ...(plan.preprocessing as object), inside, stride },
      fields: [...plan.fields, ...tokenLabelFields],
      windows: await countWindows(texts, stride, tables),
      notes: [
        ...(plan.notes ?? []),
        ...(model.purpose === 'predict'
          ? []
          : [
              ...(await tokenNotes(texts, stride, tables)),
              ...lossNotes({ ...options, targets: 'class' }, config, model.labels.length),
            ]),
      ],
    };
  },
  async encoder(encoding) {
    const text = await import('../data/text/encode.js');
    const { inside, stride, ...files } = encoding as Encoding;
    const tokenizer = await text.openTokenizer(files);
    return async (whole, slot) => {
      const { rows, request, bad } = await text.encodeWindows(tokenizer, whole, stride);
      const measured = text.measureTexts(slot, rows);
      const starts = rows.map((row, b) => text.startOf(b, measured.axes.tokens!, row, tokenizer.padLeft));
      const normaliser = writeTokenLabels(slot, measured.axes, { rows, starts, inside, request });
      text.writeTokens(slot, measured.axes, rows, tokenizer);
      return { ...measured, weights: { normaliser }, ...(bad && { bad }) };
    };
  },
  loss: (b, { logits }, options) => addTokenLoss(b, logits!, options),
  resultsOf: tokenResults,
  metrics: () =>
    ['loss', 'accuracy', 'precision', 'recall', 'f1', 'strict.precision', 'strict.recall', 'strict.f1'] as const,
  meter: ({ labels }) => tokenMeter(labels),
  report: (result) => `${result.samples} texts, ${result.words} words: ${metricsLine(result)}`,
  predict: predictPieces,
  merge: mergeWindows,
  unusable: (error): TokenPrediction => ({ entities: [], words: [], tags: [], scores: [], error }),
  show: showTokens,
  config: ({ ortune: _, ...config }, labels, options) => {
    const own = savedLoss(options);
    return {
      ...config,
      ...architecture(config, 'ForTokenClassification'),
      ...withLabels({}, labels),
      ...(Object.keys(own).length > 0 && { ortune: own }),
    };
  },
} satisfies Task<TokenOptions, TokenResult, TokenPrediction>;

/** Words with tags, and texts with ranges: which of them a row has is seen in it. */
function tokenColumns({ wordsColumn, tagsColumn, textColumn = 'text', spansColumn }: TaskConfig): ColumnSpec[] {
  const names: Record<string, string> = spansColumn
    ? { text: textColumn, spans: spansColumn }
    : { words: wordsColumn, tags: tagsColumn };
  const form: RowForm = { kind: 'entities', names };
  return [
    { role: 'words', kind: 'texts', name: wordsColumn, form },
    { role: 'text', kind: 'text', name: textColumn, form },
    { role: 'tags', kind: 'classes', name: tagsColumn ?? 'tags', target: true, form, each: 'words' },
    { role: 'spanTags', kind: 'classes', name: spansColumn ?? 'label', target: true, form },
    { role: 'spans', kind: 'ranges', name: spansColumn ?? 'label', target: true, form },
  ];
}

/** @throws DataError, with its place, for a tag without a prefix among tags that have one */
function refuseOtherTags(labels: readonly string[], tables: readonly Table[]): void {
  const scheme = schemeOf(labels);
  const odd = labels.findIndex((label) => label !== 'O' && !isPrefixed(label));
  if (!scheme || odd < 0) return;
  for (const table of tables) {
    const tags = table.columns.tags;
    if (tags?.kind !== 'classes') continue;
    for (let row = 0; row < table.count; row++)
      if (tags.values.subarray(tags.offsets[row]!, tags.offsets[row + 1]!).includes(odd))
        throw new DataError(
          `${locationOf(table, row)}: tag ${quote(labels[odd]!)} has no prefix, and others are of the scheme ${scheme} ` +
            `(${quote(labels.find(isPrefixed)!)}): give all tags but O one`,
        );
  }
}

/** Over logits [B, T, C]: the mean over all tokens that have a label. */
function addTokenLoss(
  b: Builder,
  logits: Outputs[string],
  { labelSmoothing, loss: own }: TokenOptions & { labelSmoothing: number },
): TaskLoss {
  const shape = b.shape(logits);
  if (shape.length !== 3)
    throw new ModelError(
      `${name} takes logits of shape [batch, sequence, labels]; output '${logits}' has rank ${shape.length}. ` +
        'Export the model without its head (feature extraction) or for token classification.',
    );
  const [batch, tokens, classes] = shape as [number, number, number];
  const rows = b.op('Reshape', [logits, b.ints([batch * tokens, classes])]);
  const names = { labels: 'labels', weights: 'sample_weights', normaliser: 'normaliser' };
  const { loss, inputs, predictions } = meanCrossEntropy(b, rows, names, labelSmoothing);
  const [labels, weights, normaliser] = inputs as [Value, Value, Value];
  // Tokens without a label have class 0 and weight 0.
  const known = b.op('Max', [labels, b.scalar('int64', 0)]);
  if (own !== undefined) {
    const losses = addOwnLoss(b, own, rows, known);
    if (b.shape(losses).length === 0) throw new UsageError(`option 'loss': ${oneForEachToken}`);
    return {
      loss: b.op('Div', [weighted(b, losses, weights), normaliser], {}, { name: 'mean_loss' }),
      inputs,
      results: { predictions, losses },
    };
  }
  const likelihood = b.op('LogSoftmax', [rows], { axis: 1 });
  const at = b.op('Unsqueeze', [known, b.ints([1])]);
  const losses = b.op('Neg', [b.op('GatherElements', [likelihood, at], { axis: 1 })], {}, { name: 'token_losses' });
  return { loss, inputs, results: { predictions, losses } };
}

const oneForEachToken =
  'the graph gives one number for a batch, in which tokens without a label would count; have it give a loss for each of [tokens]';

/** The same figures from the logits of a saved file, and the logits themselves. */
async function tokenResults(
  { run, path, labels: names, main }: SavedRun,
  { inputs }: MeasuredBatch,
  { loss: own }: TokenOptions,
  mode: 'evaluate' | 'predict',
): Promise<Results> {
  const { name: output, activation } = main();
  const given = (await run(inputs, [output]))[output]!;
  const classes = given.shape[2];
  if (given.shape.length !== 3 || classes === undefined)
    throw new ModelError(
      `${path}: output '${output}' has the shape [${given.shape}], expected [batch, sequence, labels]: this labels no tokens`,
    );
  if (names.length > 0 && names.length !== classes)
    throw new ModelError(
      `${path}: output '${output}' has ${classes} columns, and config.json names ${names.length} labels (id2label): correct config.json`,
    );
  const found = { ...given, data: asLogits(given, activation, true) };
  const labels = inputs.get('labels')!.data;
  let losses: Float32Array = new Float32Array(labels.length);
  const predictions = new Int32Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    const label = Math.max(0, Number(labels[i]));
    const { loss, prediction } = crossEntropy(found.data, i * classes, classes, label);
    losses[i] = loss;
    predictions[i] = prediction;
  }
  const shape = [labels.length];
  if (own !== undefined && mode === 'evaluate') {
    const known = BigInt64Array.from(labels as BigInt64Array, (label) => (label < 0n ? 0n : label));
    const rows = { dtype: 'float32', shape: [labels.length, classes], data: found.data } as const;
    losses = await lossesByOwn(own, rows, { dtype: 'int64', shape, data: known });
    if (losses.length !== labels.length) throw new UsageError(`option 'loss': ${oneForEachToken}`);
  }
  return {
    losses: { dtype: 'float32', shape, data: losses },
    predictions: { dtype: 'int32', shape, data: predictions },
    logits: found,
  };
}

// Masked language modelling: find the tokens that were masked. The loss is the weighted sum of the cross-entropy over
// the masked places alone, divided by a normaliser that the host supplies (the number of them in the accumulated step),
// and the output projection is computed for these places alone. With next sentences, the loss of classifying whether
// the second text follows the first is added. Source: Devlin et al., BERT (2018), 3.1.

import { textColumns } from '../data/column-specs.js';
import { type EncodeRequest, writeClasses, writerOf, writeWeights } from '../data/encode.js';
import type { Slot } from '../data/slots.js';
import { pairOutput } from '../heads/pair-output.js';
import { MaskedLmMetrics, type MaskedLmResult } from '../metrics/masked-tokens.js';
import type { Builder } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { metricsLine } from '../report/metrics.js';
import { textDropout } from '../transfer/config.js';
import { architecture } from './classes.js';
import { fillMasks, likeliestTokens, type MaskPrediction, maskEncoder, maskPlaces, showMasks } from './fill-mask.js';
import { meanCrossEntropy } from './losses.js';
import { maskedResults } from './masked-results.js';
import { type Masking, maskRow, pairedRows, targetCount } from './masking.js';
import type { Task, TaskLoss } from './task.js';
import { textFields } from './text-fields.js';
import { readsTexts, refusePacked, refusePictures, textPlan } from './texts.js';
import { lossAtTokens, tokenLogits } from './token-loss.js';

const name = 'masked-lm';

export interface MaskedOptions extends Masking {
  /** Masks of the texts are filled in, with so many tokens each. */
  topK?: number;
}

export const maskedLm = {
  name,
  purpose: 'finding masked tokens, which needs no labels',
  fields: (kit) => {
    const { z, about } = kit;
    const masking = {
      mlmProbability: z
        .number()
        .gt(0)
        .lte(0.5)
        .default(0.15)
        .meta(about('masked-lm: share of the tokens of a text that are to be found.', { aliases: ['masked_lm_prob'] })),
      wholeWordMask: z
        .boolean()
        .default(false)
        .meta(
          about('masked-lm: all tokens of a word are masked together.', { aliases: ['whole_word_masking', 'wwm'] }),
        ),
      nextSentence: z
        .boolean()
        .default(false)
        .meta(
          about('masked-lm: also learn whether the text of pairColumn follows, or is that of another sample.', {
            aliases: ['next_sentence_prediction', 'nsp'],
          }),
        ),
    };
    const texts = textFields(kit);
    const topK = kit.count
      .default(5)
      .meta(about('masked-lm: so many of the likeliest tokens for each mask of a text.', { aliases: ['top_k'] }));
    return { all: { ...texts, ...masking }, train: {}, predict: { ...texts, topK } };
  },
  shared: ['textColumn', 'pairColumn', 'mlmProbability', 'wholeWordMask', 'nextSentence'] as const,
  *contradictions({ nextSentence, pairColumn }) {
    if (nextSentence && pairColumn === undefined)
      yield "option 'nextSentence' needs 'pairColumn', the column with the text that follows: set it, or leave nextSentence out";
  },
  opens: ({ inputs, config }) =>
    readsTexts(inputs) && config.architectures?.some((one) => /For(MaskedLM|PreTraining)$/.test(one)) === true,
  options: ({ mlmProbability: probability, wholeWordMask: wholeWords, nextSentence, topK }): MaskedOptions => ({
    probability,
    wholeWords,
    nextSentence,
    // Of predictions, which mask nothing themselves.
    ...(topK !== undefined && { topK }),
  }),
  columns: ({ textColumn, pairColumn }) => textColumns({ textColumn, pairColumn }),
  classes: false,
  refuses: refusePictures(name, 'image-classification'),
  head: 'language-model',
  // A language-model head has no dropout in training either.
  headDropout: false,
  dropout: textDropout,
  // Nothing is kept of a frozen trunk (no writeTargets): the masks differ from epoch to epoch.
  cacheable: () => false,
  async plan(model, config, tables, { probability, nextSentence, topK }) {
    const plan = await textPlan(model, config, tables);
    if (topK !== undefined)
      return { ...plan, fields: [...plan.fields, { name: maskPlaces, dtype: 'int32', shape: ['batch*tokens'] }] };
    if (nextSentence) refusePacked(tables, 'packed texts cannot be joined to others; leave nextSentence out');
    const counts = plan.axes!.tokens!.buckets.map((length) => targetCount(length, probability));
    const perTarget = ['batch*targets'] as const;
    return {
      ...plan,
      axes: { ...plan.axes, targets: { buckets: counts, follows: 'tokens' } },
      fields: [
        ...plan.fields,
        { name: 'masked_positions', dtype: 'int64', shape: perTarget },
        { name: 'labels', dtype: 'int64', shape: perTarget },
        { name: 'sample_weights', dtype: 'float32', shape: perTarget },
        ...(nextSentence
          ? ([
              { name: 'pair_labels', dtype: 'int64', shape: ['batch'] },
              { name: 'pair_weights', dtype: 'float32', shape: ['batch'] },
            ] as const)
          : []),
      ],
    };
  },
  async encoder(encoding, masking) {
    if (masking.topK !== undefined) return maskEncoder(encoding);
    const text = await import('../data/text/encode.js');
    const tokenizer = await text.openTokenizer(encoding as Parameters<typeof text.openTokenizer>[0]);
    const vocabulary = await text.maskVocabulary(tokenizer, masking);
    return async (request, slot) => {
      const partners = masking.nextSentence ? pairedRows(request.samples, request) : undefined;
      const { rows } = await text.encodeTexts(tokenizer, request, partners);
      const measured = text.measureTexts(slot, rows);
      const { axes } = measured;
      // Masks the rows in place and writes what is to be found; `masked_positions` counts over the tokens of the batch.
      const [positions, labels, weights] = ['masked_positions', 'labels', 'sample_weights'].map(
        (field) => writerOf(slot, field, axes)!,
      );
      for (const out of [positions!, labels!, weights!]) out.fill(0);
      let normaliser = 0;
      for (const [b, row] of rows.entries()) {
        const key = { seed: request.seed, epoch: request.epoch, sample: request.samples[b]! };
        const start = text.startOf(b, axes.tokens!, row, tokenizer.padLeft);
        const found = maskRow(row.ids, masking, vocabulary, key);
        for (const [i, position] of found.positions.entries()) {
          const at = b * axes.targets! + i;
          positions!.set(at, start + position);
          labels!.set(at, found.labels[i]!);
          weights!.set(at, request.weights[b]!);
        }
        normaliser += found.positions.length * request.weights[b]!;
      }
      const sums = { normaliser, ...(partners && { pair_normaliser: writePairs(slot, request, partners) }) };
      text.writeTokens(slot, axes, rows, tokenizer);
      return { ...measured, weights: sums };
    };
  },
  outputs: ({ nextSentence }, { main }) => ({ logits: main, ...(nextSentence && { [pairOutput]: pairOutput }) }),
  loss: (b, outputs, { probability, nextSentence }) =>
    addMaskedLoss(b, outputs.logits!, { probability, pairs: nextSentence ? outputs[pairOutput] : undefined }),
  resultsOf: (saved, batch, { topK }, mode) =>
    mode === 'predict' ? likeliestTokens(saved, batch, topK!) : maskedResults(saved, batch),
  metrics: () => ['loss', 'perplexity', 'accuracy'] as const,
  meter: () => {
    const metrics = new MaskedLmMetrics();
    const numbers = (view: { data: unknown } | undefined) => view?.data as ArrayLike<number> & ArrayLike<bigint>;
    return {
      add(results, { samples, inputs }) {
        const loss = (result: string): number => Number(results[result]!.data[0]);
        const pairs = inputs.has('pair_labels');
        metrics.add(
          samples.length,
          {
            loss: loss('maskedLoss'),
            predictions: numbers(results.predictions),
            ...(pairs && { pairs: { loss: loss('pairLoss'), predictions: numbers(results.pairPredictions) } }),
          },
          {
            labels: numbers(inputs.get('labels')),
            weights: numbers(inputs.get('sample_weights')),
            ...(pairs && {
              pairs: { labels: numbers(inputs.get('pair_labels')), weights: numbers(inputs.get('pair_weights')) },
            }),
          },
        );
      },
      result: () => metrics.result(),
    };
  },
  report: ({ nextSentence, ...result }) =>
    [
      `${result.samples} texts, ${result.masked} masked tokens: ${metricsLine(result)}`,
      ...(nextSentence ? [`next sentences: ${metricsLine(nextSentence)}`] : []),
    ].join('\n'),
  predict: (results, batch, _, __, tools) => fillMasks(results, batch, tools),
  unusable: (error): MaskPrediction => ({ masks: [], error }),
  show: showMasks,
  config: (config, _, { nextSentence }) => ({
    ...config,
    // Of the families that ortune knows, BERT alone has a class with both heads.
    ...architecture(config, nextSentence && config.model_type === 'bert' ? 'ForPreTraining' : 'ForMaskedLM'),
  }),
} satisfies Task<MaskedOptions, MaskedLmResult, MaskPrediction>;

/** Whether each row's second text is its own (0) or another's (1), as the transformers library numbers them. */
function writePairs(slot: Slot, { weights }: Pick<EncodeRequest, 'weights'>, partners: readonly number[]): number {
  writeClasses(
    slot,
    'pair_labels',
    partners.map((partner, row) => Number(partner !== row)),
  );
  return writeWeights(slot, 'pair_weights', weights);
}

/**
 * Adds the loss over `logits` [B, T, V] to a static graph: the sum of both means where there are two. Its inputs:
 * masked_positions and labels int64 [M], sample_weights float32 [M], normaliser float32 []; for pairs likewise. Losses
 * among its results are sums over the batch, of the masked places and of the pairs; predictions the likeliest of each.
 * @param probability of a token to be masked, which gives the places M of the batch
 * @param pairs logits [B, 2] of the next sentences, where they count
 * @throws ModelError when the logits have another rank
 */
export function addMaskedLoss(
  b: Builder,
  logits: Value,
  { probability, pairs }: { probability: number; pairs?: Value | undefined },
): TaskLoss {
  const exported =
    'Export the model without its head (feature extraction) or with its language-model head (fill-mask).';
  const [batch, length] = tokenLogits(b, logits, 'Masked-LM', exported);
  const targets = batch * targetCount(length, probability);
  // Of few tokens, whose logits are there at once.
  const masked = lossAtTokens(b, logits, 'masked_positions', targets, { mostLogits: Number.POSITIVE_INFINITY });
  const results = { maskedLoss: masked.loss, predictions: masked.predictions };
  if (pairs === undefined) return { loss: masked.loss, inputs: masked.inputs, results };
  const ofPairs = { labels: 'pair_labels', weights: 'pair_weights', normaliser: 'pair_normaliser' };
  const pair = meanCrossEntropy(b, pairs, ofPairs);
  return {
    loss: b.op('Add', [masked.loss, pair.loss], {}, { name: 'sum_loss' }),
    inputs: [...masked.inputs, ...pair.inputs],
    results: { ...results, pairLoss: pair.loss, pairPredictions: pair.predictions },
  };
}

// Masked language modelling: find the tokens that were masked. The loss is the weighted sum of the cross-entropy over
// the masked places alone, divided by a normaliser that the host supplies (the number of them in the accumulated step),
// and the output projection is computed for these places alone. With next sentences, the loss of classifying whether
// the second text follows the first is added. Source: Devlin et al., BERT (2018), 3.1.

import { textColumns } from '../data/column-specs.js';
import { type EncodeRequest, writeClasses, writeWeights } from '../data/encode.js';
import type { Slot } from '../data/slots.js';
import { pairOutput } from '../heads/text-outputs.js';
import type { MaskedLmResult } from '../metrics/masked-tokens.js';
import { metricsLine } from '../report/metrics.js';
import { textDropout } from '../transfer/config.js';
import { architecture } from './classes.js';
import { fillMasks, likeliestTokens, type MaskPrediction, maskEncoder, maskPlaces, showMasks } from './fill-mask.js';
import { addMaskedLoss, maskedEncoder, maskedTally, maskingFields, pairHead, withMasks } from './masked-parts.js';
import { maskedResults } from './masked-results.js';
import { type Masking, pairedRows } from './masking.js';
import type { Task } from './task.js';
import { textFields } from './text-fields.js';
import { readsTexts, refusePacked, refusePictures, textPlan } from './texts.js';

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
      ...maskingFields(kit),
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
    return withMasks(plan, probability, nextSentence ? pairHead : undefined);
  },
  async encoder(encoding, masking) {
    if (masking.topK !== undefined) return maskEncoder(encoding);
    return maskedEncoder(
      encoding,
      masking,
      masking.nextSentence ? { partners: (request) => pairedRows(request.samples, request), write: writePairs } : {},
    );
  },
  outputs: ({ nextSentence }, { main }) => ({ logits: main, ...(nextSentence && { [pairOutput]: pairOutput }) }),
  loss: (b, outputs, { probability, nextSentence }) =>
    addMaskedLoss(b, outputs.logits!, {
      probability,
      texts: nextSentence ? { head: pairHead, logits: outputs[pairOutput]! } : undefined,
    }),
  resultsOf: (saved, batch, { topK, nextSentence }, mode) =>
    mode === 'predict'
      ? likeliestTokens(saved, batch, topK!)
      : maskedResults(saved, batch, nextSentence ? pairHead : undefined),
  metrics: () => ['loss', 'perplexity', 'accuracy'] as const,
  meter(_, { nextSentence }) {
    const { metrics, add } = maskedTally(nextSentence ? pairHead : undefined);
    return {
      add,
      result: (): MaskedLmResult => ({ ...metrics.result(), ...(metrics.texts && { nextSentence: metrics.texts }) }),
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
function writePairs(slot: Slot, { weights }: Pick<EncodeRequest, 'weights'>, partners: readonly number[] = []) {
  writeClasses(
    slot,
    pairHead.labels,
    partners.map((partner, row) => Number(partner !== row)),
  );
  return { [pairHead.normaliser]: writeWeights(slot, pairHead.weights, weights) };
}

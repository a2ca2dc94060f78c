// Classes and masked tokens learnt together, the first part of TLM: a few labelled texts, and texts without labels that
// were retrieved for them, which the trainer gives in batches of their own (`corpus`, so many for each of the labelled
// ones). The loss of other texts is that of masked tokens; of labelled ones (weight · masked tokens + classes) /
// (weight + 1), both on the masked text. Source: Yao et al., NLP From Scratch Without Large-Scale Pretraining (2021),
// 3.2, and its published code for what weights add up to. The second part is text classification from the saved model.

import { textColumns } from '../data/column-specs.js';
import { ofKind } from '../data/columns.js';
import { type EncodeRequest, writeClasses, writeWeights } from '../data/encode.js';
import type { Slot } from '../data/slots.js';
import { classOutput } from '../heads/text-outputs.js';
import { metricsLine } from '../report/metrics.js';
import { textDropout } from '../transfer/config.js';
import { architecture, type ClassPrediction, noClass, predictClasses, showClass, withLabels } from './classes.js';
import { addMaskedLoss, classHead, maskedEncoder, maskedTally, maskingFields, withMasks } from './masked-parts.js';
import { maskedResults } from './masked-results.js';
import type { Masking } from './masking.js';
import type { Task } from './task.js';
import { labelField, textFields } from './text-fields.js';
import { refusePictures, textPlan } from './texts.js';

const name = 'task-driven-lm';

export interface TaskDrivenOptions extends Masking {
  /** Of masked tokens beside classes, in labelled texts. */
  maskedWeight: number;
}

export interface TaskDrivenResult {
  samples: number;
  /** Of the classes: mean cross-entropy in nats, and the share that is right. */
  loss: number;
  accuracy: number;
  /** Masked places, their mean cross-entropy in nats, exp of it, and the share that is found. */
  masked: number;
  maskedLoss: number;
  perplexity: number;
  maskedAccuracy: number;
}

/** The other texts of a run, and how many batches of them come before each one of labelled texts. */
export const corpusFields = ({ z, about, path, files }: Parameters<typeof textFields>[0]) => ({
  corpus: files
    .optional()
    .meta(
      about(
        `${name}: texts without labels to learn masked tokens of, such as those that ortune retrieve chose for the labelled ones.`,
        { value: 'FILE', aliases: ['external_dataset_name'] },
      ),
    ),
  corpusColumn: path
    .optional()
    .meta(about(`${name}: column of the corpus that holds a text; default that of textColumn.`, { value: 'NAME' })),
  corpusRatio: z
    .int()
    .min(1)
    .default(999)
    .meta(
      about(`${name}: so many steps of the corpus come before each one of labelled texts.`, {
        aliases: ['external_ratio', 'rho1'],
      }),
    ),
  maskedWeight: z
    .number()
    .gt(0)
    .default(20)
    .meta(
      about(`${name}: what the loss of masked tokens weighs in labelled texts, where that of classes weighs 1.`, {
        aliases: ['mlm_weight', 'rho2'],
      }),
    ),
});

export const taskDrivenLm = {
  name,
  purpose: 'classes and masked tokens together, from few labels and many other texts',
  fields: (kit) => {
    const { textColumn, pairColumn, maxLength, buckets } = textFields(kit);
    const texts = { textColumn, pairColumn, maxLength, buckets };
    return {
      all: { ...texts, ...labelField(kit), ...maskingFields(kit) },
      train: corpusFields(kit),
      predict: texts,
    };
  },
  shared: ['textColumn', 'pairColumn', 'labelColumn', 'labelNames', 'mlmProbability', 'wholeWordMask'] as const,
  *contradictions({ train, corpus, labelSmoothing, headLayers, classWeights }) {
    if (train !== undefined && corpus === undefined)
      yield `task ${name} needs 'corpus', texts without labels: set it to what ortune retrieve chose, or to any texts of the field`;
    const ofClasses = { labelSmoothing: labelSmoothing || undefined, headLayers, classWeights };
    for (const [option, given] of Object.entries(ofClasses))
      if (given !== undefined)
        yield `option '${option}' is for classes alone, and task ${name} learns masked tokens beside them: leave it out, and set it for the text-classification that follows`;
  },
  options: ({ mlmProbability: probability = 0.15, wholeWordMask: wholeWords = false, maskedWeight = 1 }) =>
    ({ probability, wholeWords, nextSentence: false, maskedWeight }) satisfies TaskDrivenOptions,
  columns: ({ textColumn, pairColumn, labelColumn }) => textColumns({ textColumn, pairColumn, labelColumn }),
  classes: true,
  refuses: refusePictures(name, 'image-classification'),
  head: 'language-model',
  headDropout: false,
  dropout: textDropout,
  cacheable: () => false,
  async plan(model, config, tables, { probability }) {
    const plan = await textPlan(model, config, tables);
    if (model.purpose === 'predict') return { ...plan, encoding: { ...plan.encoding, whole: true } };
    return withMasks(plan, probability, classHead);
  },
  async encoder(encoding, masking) {
    if ('whole' in encoding) return wholeTexts(encoding);
    const { maskedWeight } = masking;
    return maskedEncoder(encoding, masking, {
      share: (request) => (isLabelled(request) ? maskedWeight / (maskedWeight + 1) : 1),
      write: (slot, request) => writeTexts(slot, request, 1 / (maskedWeight + 1)),
    });
  },
  outputs: (_, { main }) => ({ logits: main, [classOutput]: classOutput }),
  loss: (b, outputs, { probability }) =>
    addMaskedLoss(b, outputs.logits!, { probability, texts: { head: classHead, logits: outputs[classOutput]! } }),
  async resultsOf(saved, batch, _, mode) {
    if (mode === 'evaluate') return maskedResults(saved, batch, classHead);
    const found = await saved.run(batch.inputs, [classOutput]);
    return { logits: found[classOutput]! };
  },
  metrics: () => ['loss', 'accuracy', 'maskedLoss', 'perplexity', 'maskedAccuracy'] as const,
  meter() {
    const { metrics, add } = maskedTally(classHead);
    return {
      add,
      result: (): TaskDrivenResult => {
        const { samples, masked, loss: maskedLoss, accuracy: maskedAccuracy, perplexity } = metrics.result();
        const classes = metrics.texts ?? { loss: 0, accuracy: 0 };
        return { samples, ...classes, masked, maskedLoss, perplexity, maskedAccuracy };
      },
    };
  },
  report: ({ samples, masked, ...figures }) => `${samples} texts, ${masked} masked tokens: ${metricsLine(figures)}`,
  predict: (results, batch, labels) => predictClasses(results, batch, labels, {}),
  unusable: noClass,
  show: showClass,
  config: (config, labels) => ({
    ...config,
    ...architecture(config, 'ForMaskedLM'),
    ...withLabels({}, labels),
  }),
} satisfies Task<TaskDrivenOptions, TaskDrivenResult, ClassPrediction>;

const isLabelled = ({ slices }: Pick<EncodeRequest, 'slices'>): boolean =>
  ofKind(slices, 'label', 'class') !== undefined;

/** Classes of labelled texts; other texts have no part in their loss. */
function writeTexts(slot: Slot, { slices, weights }: EncodeRequest, share: number): Record<string, number> {
  const labels = ofKind(slices, 'label', 'class')?.values;
  writeClasses(slot, classHead.labels, labels ?? []);
  writeWeights(
    slot,
    classHead.weights,
    weights.map((weight) => (labels ? weight * share : 0)),
  );
  return { [classHead.normaliser]: labels ? weights.reduce((sum, weight) => sum + weight, 0) : 0 };
}

/** Texts as they are, for a prediction. */
async function wholeTexts(encoding: object) {
  const { encodeTexts, measureTexts, openTokenizer, writeTokens } = await import('../data/text/encode.js');
  const tokenizer = await openTokenizer(encoding as Parameters<typeof openTokenizer>[0]);
  return async (whole: EncodeRequest, slot: Slot) => {
    const { rows, bad } = await encodeTexts(tokenizer, whole);
    const measured = measureTexts(slot, rows);
    writeTokens(slot, measured.axes, rows, tokenizer);
    return { ...measured, weights: {}, ...(bad && { bad }) };
  };
}

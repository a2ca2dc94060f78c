// One class for each text, or pair of texts. The loss and the figures are those of any classifier.

import { textColumns } from '../data/column-specs.js';
import { writeLabels } from '../data/encode.js';
import type { ClassificationResult } from '../metrics/classification.js';
import { classMetrics } from '../metrics/names.js';
import { classesText } from '../report/evaluation.js';
import { textDropout } from '../transfer/config.js';
import { type ClassPrediction, classifierConfig, classMeter, noClass, predictClasses, showClass } from './classes.js';
import { addLoss, labelInputs } from './losses.js';
import { classifierResults, type ReadingOptions, readingOf, unmeasured } from './reading.js';
import type { Task } from './task.js';
import { labelField, textFields } from './text-fields.js';
import { readsTexts, refusePictures, textPlan } from './texts.js';

const name = 'text-classification';

export const textClassification = {
  name,
  purpose: 'labels of texts',
  fields: (kit) => {
    const { textColumn, pairColumn, maxLength, buckets } = textFields(kit);
    const all = { textColumn, pairColumn, ...labelField(kit), maxLength, buckets };
    return { all, train: {}, predict: { textColumn, pairColumn, maxLength, buckets } };
  },
  shared: ['textColumn', 'pairColumn', 'labelColumn', 'labelNames'] as const,
  opens: ({ inputs }) => readsTexts(inputs),
  contradictions: () => [],
  options: ({ reading }): ReadingOptions => ({ ...(reading && { reading }) }),
  ofModel: (model) => ({ reading: readingOf(model) }),
  unmeasured: (options) =>
    options.reading === 'labels'
      ? 'several labels may hold at once (problem_type multi_label_classification in config.json, or a sigmoid over several outputs), ' +
        `and ${name} measures one class a text; 'predict' gives the labels`
      : unmeasured(options),
  columns: ({ textColumn, pairColumn, labelColumn }) => textColumns({ textColumn, pairColumn, labelColumn }),
  classes: true,
  refuses: refusePictures(name, 'image-classification'),
  head: 'classification',
  headDropout: true,
  dropout: textDropout,
  cacheable: () => true,
  writeTargets: (slot, samples) => ({ normaliser: writeLabels(slot, samples) }),
  plan: async (model, config, tables) => {
    const plan = await textPlan(model, config, tables);
    return { ...plan, fields: [...plan.fields, ...labelInputs('class', 0)] };
  },
  async encoder(encoding) {
    const { encodeTexts, measureTexts, openTokenizer, writeTokens } = await import('../data/text/encode.js');
    const tokenizer = await openTokenizer(encoding as Parameters<typeof openTokenizer>[0]);
    return async (whole, slot) => {
      const { rows, request, bad } = await encodeTexts(tokenizer, whole);
      const measured = measureTexts(slot, rows);
      const normaliser = writeLabels(slot, request);
      writeTokens(slot, measured.axes, rows, tokenizer);
      return { ...measured, weights: { normaliser }, ...(bad && { bad }) };
    };
  },
  loss: (b, { logits }, { labelSmoothing }) => addLoss(b, logits!, { labelSmoothing }),
  resultsOf: classifierResults,
  metrics: () => classMetrics,
  meter: ({ labels }) => classMeter(labels),
  report: classesText,
  predict: predictClasses,
  unusable: noClass,
  show: showClass,
  config: (config, labels) => classifierConfig(config, labels, 'ForSequenceClassification'),
} satisfies Task<ReadingOptions, ClassificationResult, ClassPrediction>;

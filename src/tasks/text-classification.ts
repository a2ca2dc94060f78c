// Labels of texts, or of pairs of texts: one class each, a probability for each class (soft labels), several labels at
// once, or scores (regression). Losses and figures are those of any classifier; what the labels of the data are is said
// by options and never guessed.

import { labelsSpec, textColumns } from '../data/column-specs.js';
import { writeLabels } from '../data/encode.js';
import type { ClassificationResult } from '../metrics/classification.js';
import type { MultiLabelResult } from '../metrics/multi-label.js';
import { classMetrics, labelMetrics, scoreMetrics } from '../metrics/names.js';
import type { ScoreResult } from '../metrics/scores.js';
import { classesText, labelsText, scoresText } from '../report/evaluation.js';
import { textDropout } from '../transfer/config.js';
import {
  type ClassPrediction,
  classifierConfig,
  classMeter,
  type LabelOptions,
  labelMeter,
  noClass,
  predictClasses,
  scoreMeter,
  settledThresholds,
  showClass,
  softMeter,
} from './classes.js';
import { labelContradictions } from './label-contradictions.js';
import { loadLossFiles } from './losses/loss-files.js';
import {
  lossContradictions,
  lossField,
  lossFilesOf,
  lossNotes,
  lossWith,
  ownLoss,
  ownLossMeter,
} from './losses/own.js';
import { addLoss, labelInputs } from './losses.js';
import { classifierResults, readingOf, unmeasured } from './reading.js';
import type { Meter, Task, TaskConfig } from './task.js';
import { teacherContradictions, teacherFields, teacherInputs, teacherOf } from './teacher.js';
import { labelField, labelFormFields, multiLabelField, textFields } from './text-fields.js';
import { readsTexts, refusePictures, textPlan } from './texts.js';
import { thresholdsField, thresholdsOf, thresholdsWith } from './thresholds.js';

const name = 'text-classification';

type Result = ClassificationResult | MultiLabelResult | ScoreResult;

export const textClassification = {
  name,
  purpose: 'labels of texts',
  fields: (kit) => {
    const { textColumn, pairColumn, maxLength, buckets } = textFields(kit);
    const several = { multiLabel: multiLabelField(kit), thresholds: thresholdsField(kit) };
    const loss = lossField(kit);
    const labels = { ...labelField(kit), ...several, ...labelFormFields(kit), loss };
    const all = { textColumn, pairColumn, ...labels, maxLength, buckets };
    return { all, train: teacherFields(kit), predict: { textColumn, pairColumn, ...several, maxLength, buckets } };
  },
  load: loadLossFiles,
  lossFiles: lossFilesOf,
  shared: [
    ...(['textColumn', 'pairColumn', 'labelColumn', 'labelNames', 'multiLabel', 'thresholds'] as const),
    ...(['labelColumns', 'labelRows', 'labelSeparator', 'regression', 'loss'] as const),
  ],
  opens: ({ inputs }) => readsTexts(inputs),
  *contradictions(config) {
    yield* labelContradictions(config);
    yield* lossContradictions(config, targetsOf(config));
    yield* teacherContradictions(config, targetsOf(config));
  },
  options: (config, { positiveWeights } = {}): LabelOptions => {
    const { reading, thresholds } = config;
    const targets = targetsOf(config);
    return {
      targets,
      ...ownLoss(config, targets),
      ...teacherOf(config),
      ...(reading && { reading }),
      ...(thresholds !== undefined && { thresholds }),
      ...(positiveWeights && { positiveWeights }),
    };
  },
  ofModel(model, { multiLabel, regression, thresholds: given, loss }) {
    const thresholds = thresholdsWith(model.config, given);
    const reading = readingOf(model, { multiLabel, regression });
    const several = { multiLabel: reading === 'labels', thresholds };
    return { ...several, regression: reading === 'values', reading, ...lossWith(model.config, loss) };
  },
  unmeasured: (options) => (options.reading === 'values' ? undefined : unmeasured(options)),
  columns: ({ textColumn, pairColumn, labelColumn, ...form }) => [
    ...textColumns({ textColumn, pairColumn }),
    ...(labelColumn === undefined ? [] : [labelsSpec({ labelColumn, ...form })]),
  ],
  classes: true,
  refuses: refusePictures(name, 'image-classification'),
  head: 'classification',
  peftType: 'SEQ_CLS',
  headDropout: true,
  dropout: textDropout,
  // A teacher reads whole texts.
  cacheable: ({ teacher }) => teacher === undefined,
  writeTargets: (slot, samples) => ({ normaliser: writeLabels(slot, samples) }),
  plan: async (model, config, tables, options) => {
    const { targets, thresholds } = options;
    if (targets === 'labels') thresholdsOf(model.labels, thresholds);
    const plan = await textPlan(model, config, tables);
    const classes = model.labels.length;
    const fields = [...plan.fields, ...labelInputs(targets, classes), ...teacherInputs(options, classes)];
    return {
      ...plan,
      fields,
      notes: [
        ...(plan.notes ?? []),
        ...(model.purpose === 'train' ? elsewhere(targets) : []),
        ...(model.purpose === 'predict' ? [] : lossNotes(options, config, model.labels.length)),
      ],
    };
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
  loss: (b, { logits }, options) => addLoss(b, logits!, options),
  resultsOf: classifierResults,
  metrics: ({ targets }) =>
    ({ class: classMetrics, probabilities: classMetrics, labels: labelMetrics, values: scoreMetrics })[targets],
  meter: (measured, options): Meter<Result> => {
    const meters = {
      class: () => classMeter(measured.labels),
      probabilities: () => softMeter(measured.labels),
      labels: () => labelMeter(measured, options),
      values: () => scoreMeter(measured),
    };
    return ownLossMeter<Result>(meters[options.targets](), options);
  },
  settled: settledThresholds,
  report: (result: Result) =>
    'scores' in result
      ? scoresText(result)
      : 'meanAveragePrecision' in result
        ? labelsText(result)
        : classesText(result),
  predict: predictClasses,
  unusable: noClass,
  show: showClass,
  config: (config, labels, options) => classifierConfig(config, labels, 'ForSequenceClassification', options),
} satisfies Task<LabelOptions, Result, ClassPrediction>;

const targetsOf = ({ multiLabel, regression, labelRows, labelColumns }: TaskConfig): LabelOptions['targets'] => {
  const soft = labelRows || labelColumns !== undefined;
  return regression ? 'values' : multiLabel ? 'labels' : soft ? 'probabilities' : 'class';
};

/** What a pipeline elsewhere makes of the outputs of such a model, where that is not what they say. */
const elsewhere = (targets: LabelOptions['targets']): string[] =>
  targets === 'values'
    ? [
        "the text-classification pipeline of transformers.js has no scores: it takes the softmax of a regression model's outputs, which " +
          'of one is always 1. Read the logits of AutoModelForSequenceClassification there, or use ortune predict',
      ]
    : [];

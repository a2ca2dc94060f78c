// Labels of pictures: one class each, a probability for each class (soft labels), or several labels at once.

import { imageColumns } from '../data/column-specs.js';
import { ofKind } from '../data/columns.js';
import { writeLabels } from '../data/encode.js';
import { targetsAfter } from '../data/images/augment/mix-names.js';
import { holdsPictures } from '../data/images/holds-pictures.js';
import { memoryPrefix } from '../data/images/memory-names.js';
import { ImageClassificationMetrics, type ImageClassificationResult } from '../metrics/image-classes.js';
import type { MultiLabelResult } from '../metrics/multi-label.js';
import { classMetrics, labelMetrics } from '../metrics/names.js';
import { classesText, labelsText } from '../report/evaluation.js';
import { textDropout } from '../transfer/config.js';
import {
  type ClassPrediction,
  classesOf,
  classifierConfig,
  type LabelOptions,
  labelMeter,
  logitsOf,
  noClass,
  predictClasses,
  settledThresholds,
  showClass,
} from './classes.js';
import { imageFields } from './image-fields.js';
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
import { labelField } from './text-fields.js';
import { thresholdsAlone, thresholdsOf, thresholdsWith } from './thresholds.js';

const name = 'image-classification';

type Result = ImageClassificationResult | MultiLabelResult;

export const imageClassification = {
  name,
  purpose: 'labels of pictures',
  fields: (kit) => {
    const { pictureFiles, images, augmentation } = imageFields(kit);
    const { imageMean, imageStd, imageSize, multiLabel, thresholds } = images;
    const predicted = multiLabel.meta(
      kit.about("Several labels may hold at once; default as the model's config.json says."),
    );
    return {
      all: { ...labelField(kit), ...images, loss: lossField(kit) },
      train: { augmentation },
      predict: { multiLabel: predicted, thresholds, ...pictureFiles, imageMean, imageStd, imageSize },
    };
  },
  load: loadLossFiles,
  lossFiles: lossFilesOf,
  shared: [
    'labelColumn',
    'multiLabel',
    'thresholds',
    'labelNames',
    'imageMean',
    'imageStd',
    'imageSize',
    'loss',
  ] as const,
  recognises: ({ imageColumn }, files) =>
    imageColumn !== undefined || files.some((file) => file.startsWith(memoryPrefix) || holdsPictures(file)),
  opens: ({ inputs }) => inputs.length === 1 && inputs[0]!.dtype.startsWith('float') && inputs[0]!.shape?.length === 4,
  *contradictions(config) {
    const { pairColumn, streaming, train, multiLabel, thresholds, sampling } = config;
    if (pairColumn !== undefined) yield `option 'pairColumn' is for texts, and the task is ${name}; leave it out`;
    if (streaming)
      yield "option 'streaming' is for texts: of pictures only those of the next batches are in memory anyway; leave it out";
    if (multiLabel && sampling === 'balanced')
      yield "options 'sampling' and 'multiLabel' contradict each other: balanced draws classes, and a sample has several labels; choose another sampling";
    if (train !== undefined && thresholds !== undefined && !multiLabel) yield thresholdsAlone;
    yield* lossContradictions(config, targetsOf(config));
  },
  options: (config, { soft, positiveWeights } = {}): LabelOptions => {
    const { thresholds, reading } = config;
    const targets = targetsOf(config, soft);
    return {
      targets,
      ...ownLoss(config, targets),
      ...(reading && { reading }),
      ...(thresholds !== undefined && { thresholds }),
      ...(positiveWeights && { positiveWeights }),
    };
  },
  ofModel(model, { multiLabel, thresholds: given, loss }) {
    const thresholds = thresholdsWith(model.config, given);
    const reading = readingOf(model, { multiLabel });
    return { multiLabel: reading === 'labels', reading, thresholds, ...lossWith(model.config, loss) };
  },
  unmeasured,
  columns: ({ imageColumn, labelColumn }) => imageColumns({ imageColumn, labelColumn }),
  classes: true,
  head: 'images',
  headDropout: true,
  dropout: {
    fallback: 0,
    head: [...textDropout.head, 'dropout_rate'],
    headFallback: 0,
  },
  // Augmented pictures are others in every epoch.
  cacheable: ({ augmentation = [] }) => augmentation.length === 0,
  writeTargets: (slot, samples) => ({ normaliser: writeLabels(slot, samples) }),
  async plan(model, config, tables, options) {
    const { targets, thresholds } = options;
    if (targets === 'labels') thresholdsOf(model.labels, thresholds);
    const { planImageLoading } = await import('../data/images/plan.js');
    const { fields, ...plan } = planImageLoading(model, config as object, tables, name);
    return {
      ...plan,
      fields: [...fields, ...labelInputs(targets, model.labels.length)],
      notes: [
        ...(plan.notes ?? []),
        ...(model.purpose === 'predict' ? [] : lossNotes(options, config, model.labels.length)),
      ],
    };
  },
  async encoder(encoding) {
    const { imageEncoder } = await import('../data/images/encode.js');
    return imageEncoder(encoding as Parameters<typeof imageEncoder>[0]);
  },
  loss: (b, { logits }, options) => addLoss(b, logits!, options),
  resultsOf: classifierResults,
  metrics: ({ targets }) =>
    targets === 'labels' ? labelMetrics : (['loss', 'accuracy', 'top5Accuracy', ...classMetrics.slice(2)] as const),
  meter: (measured, options): Meter<Result> =>
    ownLossMeter<Result>(
      options.targets === 'labels' ? labelMeter(measured, options) : topMeter(measured.labels),
      options,
    ),
  settled: settledThresholds,
  report: (result: Result) => ('meanAveragePrecision' in result ? labelsText(result) : classesText(result)),
  predict: predictClasses,
  unusable: noClass,
  show: showClass,
  config: (config, labels, options) => classifierConfig(config, labels, 'ForImageClassification', options),
} satisfies Task<LabelOptions, Result, ClassPrediction>;

const targetsOf = ({ multiLabel, augmentation = [] }: TaskConfig, soft = false): LabelOptions['targets'] =>
  targetsAfter(augmentation, multiLabel ? 'labels' : soft ? 'probabilities' : 'class');

function topMeter(labels: readonly string[]): Meter<ImageClassificationResult> {
  const metrics = new ImageClassificationMetrics(labels);
  return {
    add: (results, batch) =>
      metrics.add(logitsOf(results), classesOf(batch), ofKind(batch.slices, 'targets', 'numbers')?.values),
    result: () => metrics.result(),
  };
}

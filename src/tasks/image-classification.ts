// Labels of pictures: one class each, a probability for each class (soft labels), or several labels at once.

import { imageColumns } from '../data/column-specs.js';
import { ofKind } from '../data/columns.js';
import { writeLabels } from '../data/encode.js';
import { targetsAfter } from '../data/images/augment/mix-names.js';
import { holdsPictures } from '../data/images/holds-pictures.js';
import { memoryPrefix } from '../data/images/memory-names.js';
import type { TargetKind } from '../data/images/targets.js';
import { ImageClassificationMetrics, type ImageClassificationResult } from '../metrics/image-classes.js';
import { MultiLabelMetrics, type MultiLabelResult } from '../metrics/multi-label.js';
import { classMetrics, labelMetrics } from '../metrics/names.js';
import { classesText, labelsText } from '../report/evaluation.js';
import { textDropout } from '../transfer/config.js';
import {
  type ClassPrediction,
  classesOf,
  classifierConfig,
  logitsOf,
  noClass,
  predictClasses,
  showClass,
} from './classes.js';
import { imageFields } from './image-fields.js';
import { addLoss, labelInputs } from './losses.js';
import { classifierResults, type ReadingOptions, readingOf, unmeasured } from './reading.js';
import type { Meter, Task } from './task.js';
import { labelField } from './text-fields.js';

const name = 'image-classification';

export interface ImageOptions extends ReadingOptions {
  targets: TargetKind;
}
type Result = ImageClassificationResult | MultiLabelResult;

export const imageClassification = {
  name,
  purpose: 'labels of pictures',
  fields: (kit) => {
    const { pictureFiles, images, augmentation } = imageFields(kit);
    const { imageMean, imageStd, imageSize, multiLabel } = images;
    const predicted = multiLabel.meta(
      kit.about("Several labels may hold at once; default as the model's config.json says."),
    );
    return {
      all: { ...labelField(kit), ...images },
      train: { augmentation },
      predict: { multiLabel: predicted, ...pictureFiles, imageMean, imageStd, imageSize },
    };
  },
  shared: ['labelColumn', 'multiLabel', 'labelNames', 'imageMean', 'imageStd', 'imageSize'] as const,
  recognises: ({ imageColumn }, files) =>
    imageColumn !== undefined || files.some((file) => file.startsWith(memoryPrefix) || holdsPictures(file)),
  opens: ({ inputs }) => inputs.length === 1 && inputs[0]!.dtype.startsWith('float') && inputs[0]!.shape?.length === 4,
  *contradictions({ pairColumn, streaming, multiLabel, sampling, classWeights }) {
    if (pairColumn !== undefined) yield `option 'pairColumn' is for texts, and the task is ${name}; leave it out`;
    if (streaming)
      yield "option 'streaming' is for texts: of pictures only those of the next batches are in memory anyway; leave it out";
    if (multiLabel && sampling === 'balanced')
      yield "options 'sampling' and 'multiLabel' contradict each other: balanced draws classes, and a sample has several labels; choose another sampling";
    if (multiLabel && classWeights !== undefined)
      yield "options 'classWeights' and 'multiLabel' contradict each other: classes are weighed where each sample has one; leave one of them out";
  },
  options: ({ multiLabel, augmentation = [], reading }, data): ImageOptions => ({
    targets: targetsAfter(augmentation, multiLabel ? 'labels' : data?.soft ? 'probabilities' : 'class'),
    ...(reading && { reading }),
  }),
  ofModel(model, { multiLabel }) {
    const reading = readingOf(model, { multiLabel });
    return { multiLabel: reading === 'labels', reading };
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
  async plan(model, config, tables, { targets }) {
    const { planImageLoading } = await import('../data/images/plan.js');
    const { fields, ...plan } = planImageLoading(model, config as object, tables, name);
    return { ...plan, fields: [...fields, ...labelInputs(targets, model.labels.length)] };
  },
  async encoder(encoding) {
    const { imageEncoder } = await import('../data/images/encode.js');
    return imageEncoder(encoding as Parameters<typeof imageEncoder>[0]);
  },
  loss: (b, { logits }, { targets, labelSmoothing }) => addLoss(b, logits!, { targets, labelSmoothing }),
  resultsOf: classifierResults,
  metrics: ({ targets }) =>
    targets === 'labels' ? labelMetrics : ['loss', 'accuracy', 'top5Accuracy', ...classMetrics.slice(2)],
  meter: ({ labels, samples }, { targets }): Meter<Result> =>
    targets === 'labels' ? labelMeter(labels, samples) : topMeter(labels),
  report: (result: Result) => ('meanAveragePrecision' in result ? labelsText(result) : classesText(result)),
  predict: predictClasses,
  unusable: noClass,
  show: showClass,
  config: (config, labels, { targets }) => ({
    ...classifierConfig(config, labels, 'ForImageClassification'),
    ...(targets === 'labels' && { problem_type: 'multi_label_classification' }),
  }),
} satisfies Task<ImageOptions, Result, ClassPrediction>;

function topMeter(labels: readonly string[]): Meter<ImageClassificationResult> {
  const metrics = new ImageClassificationMetrics(labels);
  return {
    add: (results, batch) =>
      metrics.add(logitsOf(results), classesOf(batch), ofKind(batch.slices, 'targets', 'numbers')?.values),
    result: () => metrics.result(),
  };
}

function labelMeter(labels: readonly string[], samples: number): Meter<MultiLabelResult> {
  const metrics = new MultiLabelMetrics(labels, samples);
  return {
    add: (results, { slices, samples }) =>
      metrics.add(logitsOf(results), ofKind(slices, 'targets', 'numbers')!.values, samples.length),
    result: () => metrics.result(),
  };
}

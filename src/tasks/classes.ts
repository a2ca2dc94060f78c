// What tasks of classes have in common, whatever their samples are: how a classifier is measured, what is predicted
// from its logits, and the configuration that it is saved with.

import { ofKind } from '../data/columns.js';
import type { TargetKind } from '../data/images/targets.js';
import { ClassificationMetrics, type ClassificationResult } from '../metrics/classification.js';
import { half, MultiLabelMetrics, type MultiLabelResult } from '../metrics/multi-label.js';
import { ScoreMetrics, type ScoreResult } from '../metrics/scores.js';
import { sigmoid } from '../metrics/sigmoid.js';
import type { ModelConfig } from '../transfer/config.js';
import { type OwnLossOptions, savedLoss } from './losses/own.js';
import type { ReadingOptions } from './reading.js';
import type { Measured, MeasuredBatch, Meter, Prediction, Results } from './task.js';
import type { TeacherOptions } from './teacher.js';
import { bestThresholds, type Thresholds, thresholdsOf } from './thresholds.js';

/** What tasks of labels train and measure. */
export interface LabelOptions extends ReadingOptions, OwnLossOptions, TeacherOptions {
  targets: TargetKind;
  /** Where several labels may hold at once. */
  thresholds?: Thresholds | undefined;
  /** In the loss, of each label where it holds. */
  positiveWeights?: readonly number[] | undefined;
}

export interface ClassPrediction extends Prediction {
  label: string;
  /**
   * Probability of the label: softmax over the labels, or of the label by itself where several may hold at once or
   * there is one. Of a model that gives scores the score itself.
   */
  score: number;
  /**
   * Where several labels may hold at once: those whose probability reaches their threshold, the likeliest first. Of a
   * model that gives several scores all of them.
   */
  labels?: { label: string; score: number }[];
}

/** What is said of a sample that cannot be used. */
export const noClass = (error: string): ClassPrediction => ({ label: '', score: 0, error });

export const logitsOf = (results: Results): Float32Array => results.logits!.data as Float32Array;

export const classesOf = ({ slices }: Pick<MeasuredBatch, 'slices'>): Int32Array =>
  ofKind(slices, 'label', 'class')!.values;

/** What each sample is compared with, [B, C], where that is more than its class. */
const rowsOf = ({ inputs }: Pick<MeasuredBatch, 'inputs'>): Float32Array => inputs.get('labels')!.data as Float32Array;

export function classMeter(labels: readonly string[]): Meter<ClassificationResult> {
  const metrics = new ClassificationMetrics(labels);
  return {
    add: (results, batch) => metrics.add(logitsOf(results), classesOf(batch)),
    result: () => metrics.result(),
  };
}

/** Where targets are probabilities: of the likeliest class, with the loss of all. */
export function softMeter(labels: readonly string[]): Meter<ClassificationResult> {
  const metrics = new ClassificationMetrics(labels);
  return {
    add(results, batch) {
      const shares = rowsOf(batch);
      const rows = Array.from(batch.samples, (_, i) => shares.subarray(i * labels.length, (i + 1) * labels.length));
      const likeliest = rows.map((row) => row.indexOf(Math.max(...row)));
      metrics.add(logitsOf(results), likeliest, undefined, shares);
    },
    result: () => metrics.result(),
  };
}

export function labelMeter({ labels, samples }: Measured, { thresholds }: LabelOptions): Meter<MultiLabelResult> {
  const metrics = new MultiLabelMetrics(labels, samples, thresholdsOf(labels, thresholds));
  return {
    add: (results, batch) => metrics.add(logitsOf(results), rowsOf(batch), batch.samples.length),
    result: () => metrics.result(),
  };
}

export function scoreMeter({ labels, samples }: Measured): Meter<ScoreResult> {
  const metrics = new ScoreMetrics(labels, samples);
  return {
    add: (results, batch) => metrics.add(logitsOf(results), rowsOf(batch), batch.samples.length),
    result: () => metrics.result(),
  };
}

/** The thresholds of a model of several labels, where nothing says them: what an evaluation shows to be best. */
export const settledThresholds = <R extends object>({ targets, thresholds }: LabelOptions) =>
  targets === 'labels' && thresholds === undefined
    ? (result: R): Pick<LabelOptions, 'thresholds'> =>
        'meanAveragePrecision' in result ? { thresholds: bestThresholds(result as unknown as MultiLabelResult) } : {}
    : undefined;

const nameOf = (labels: readonly string[], i: number): string => labels[i] ?? `LABEL_${i}`;

/** What is said of each sample, by how the model's outputs are read. */
export function predictClasses(
  results: Results,
  { samples }: Pick<MeasuredBatch, 'samples'>,
  labels: readonly string[],
  { reading = 'classes', thresholds }: Omit<LabelOptions, 'targets'>,
): ClassPrediction[] {
  const { data, shape } = results.logits!;
  const columns = data.length / shape[0]!;
  const least = reading === 'labels' ? thresholdsOf(labels, thresholds) : [];
  const holding = (logits: Float32Array): ClassPrediction => labelsHolding(logits, labels, least);
  const say = { classes: likeliest, binary: likeliest, labels: holding, label: only, values: scores }[reading];
  return Array.from(samples, (_, row) => {
    const logits = (data as Float32Array).subarray(row * columns, (row + 1) * columns);
    return logits.some(Number.isNaN) ? noClass('the model gives no number (NaN) for it') : say(logits, labels);
  });
}

/** The likeliest class. */
function likeliest(logits: Float32Array, labels: readonly string[]): ClassPrediction {
  const top = logits.indexOf(Math.max(...logits));
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - logits[top]!), 0);
  return { label: nameOf(labels, top), score: 1 / sum };
}

/** The labels that hold, each by itself. */
function labelsHolding(
  logits: Float32Array,
  labels: readonly string[],
  thresholds: readonly number[],
): ClassPrediction {
  const all = Array.from(logits, (logit, i) => ({
    label: nameOf(labels, i),
    score: sigmoid(logit),
    least: thresholds[i] ?? half,
  }));
  all.sort((a, b) => b.score - a.score);
  const plain = all.map(({ label, score }) => ({ label, score }));
  return { ...plain[0]!, labels: plain.filter((_, i) => all[i]!.score >= all[i]!.least) };
}

/** The only label there is, whether it is likely or not. */
const only = (logits: Float32Array, labels: readonly string[]): ClassPrediction => ({
  label: nameOf(labels, 0),
  score: sigmoid(logits[0]!),
});

function scores(values: Float32Array, labels: readonly string[]): ClassPrediction {
  const all = Array.from(values, (score, i) => ({ label: nameOf(labels, i), score }));
  const [top] = all.toSorted((a, b) => b.score - a.score);
  return all.length === 1 ? top! : { ...top!, labels: all };
}

/** A line for people; `what` says which sample it is. */
export function showClass({ label, score, labels }: ClassPrediction, what: string): string {
  const several = labels?.map((one) => `${one.label} ${one.score.toFixed(4)}`).join(', ') || '-';
  return labels ? `${what}\t${several}` : `${label}\t${score.toFixed(4)}\t${what}`;
}

/** Class names of the transformers library that do not follow from `model_type` by capitalising. */
const prefixes: Record<string, string> = {
  distilbert: 'DistilBert',
  roberta: 'Roberta',
  'xlm-roberta': 'XLMRoberta',
  mpnet: 'MPNet',
  deberta: 'Deberta',
  'deberta-v2': 'DebertaV2',
  vit: 'ViT',
  deit: 'DeiT',
  resnet: 'ResNet',
  convnext: 'ConvNext',
  convnextv2: 'ConvNextV2',
  mobilenet_v1: 'MobileNetV1',
  mobilenet_v2: 'MobileNetV2',
  mobilenet_v3: 'MobileNetV3',
  efficientnet: 'EfficientNet',
  swinv2: 'Swinv2',
};

/** `architectures` for a head of the transformers library, where the family is known. */
export function architecture({ model_type: type }: ModelConfig, head: string): Pick<ModelConfig, 'architectures'> {
  return type ? { architectures: [`${prefixes[type] ?? type[0]!.toUpperCase() + type.slice(1)}${head}`] } : {};
}

/** The configuration as that of a model with these classes. */
export const withLabels = (config: ModelConfig, labels: readonly string[]): ModelConfig => ({
  ...config,
  num_labels: labels.length,
  id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
  label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
});

/** `problem_type`, as the transformers library and transformers.js choose the loss and what becomes of logits. */
export const problemTypes: Readonly<Record<TargetKind, string>> = {
  class: 'single_label_classification',
  probabilities: 'single_label_classification',
  labels: 'multi_label_classification',
  values: 'regression',
};

/** The configuration as that of a classifier of such targets. */
export function classifierConfig(
  config: ModelConfig,
  labels: readonly string[],
  head: string,
  { targets, thresholds, loss }: LabelOptions,
): ModelConfig {
  const { ortune: _, ...rest } = config;
  const byLabel =
    thresholds === undefined ? {} : Object.fromEntries(thresholdsOf(labels, thresholds).map((t, i) => [labels[i], t]));
  const own = {
    ...(targets === 'labels' && thresholds !== undefined && { thresholds: byLabel }),
    ...savedLoss({ loss }),
  };
  return {
    ...rest,
    ...architecture(config, head),
    ...withLabels({}, labels),
    problem_type: problemTypes[targets],
    ...(Object.keys(own).length > 0 && { ortune: own }),
  };
}

// What tasks of classes have in common, whatever their samples are: how a classifier is measured, what is predicted
// from its logits, and the configuration that it is saved with.

import { ofKind } from '../data/columns.js';
import { ClassificationMetrics, type ClassificationResult } from '../metrics/classification.js';
import type { ModelConfig } from '../transfer/config.js';
import type { ReadingOptions } from './reading.js';
import type { MeasuredBatch, Meter, Prediction, Results } from './task.js';

export interface ClassPrediction extends Prediction {
  label: string;
  /**
   * Probability of the label: softmax over the labels, or of the label by itself where several may hold at once or
   * there is one. Of a model that gives scores the score itself.
   */
  score: number;
  /**
   * Where several labels may hold at once: those with a probability of at least one half, the likeliest first. Of a
   * model that gives several scores all of them.
   */
  labels?: { label: string; score: number }[];
}

/** What is said of a sample that cannot be used. */
export const noClass = (error: string): ClassPrediction => ({ label: '', score: 0, error });

export const logitsOf = (results: Results): Float32Array => results.logits!.data as Float32Array;

export const classesOf = ({ slices }: Pick<MeasuredBatch, 'slices'>): Int32Array =>
  ofKind(slices, 'label', 'class')!.values;

export function classMeter(labels: readonly string[]): Meter<ClassificationResult> {
  const metrics = new ClassificationMetrics(labels);
  return {
    add: (results, batch) => metrics.add(logitsOf(results), classesOf(batch)),
    result: () => metrics.result(),
  };
}

const nameOf = (labels: readonly string[], i: number): string => labels[i] ?? `LABEL_${i}`;

/** What is said of each sample, by how the model's outputs are read. */
export function predictClasses(
  results: Results,
  { samples }: Pick<MeasuredBatch, 'samples'>,
  labels: readonly string[],
  { reading = 'classes' }: ReadingOptions,
): ClassPrediction[] {
  const { data, shape } = results.logits!;
  const columns = data.length / shape[0]!;
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

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The labels that hold, each by itself. */
function holding(logits: Float32Array, labels: readonly string[]): ClassPrediction {
  const all = Array.from(logits, (logit, i) => ({ label: nameOf(labels, i), score: sigmoid(logit) }));
  all.sort((a, b) => b.score - a.score);
  return { ...all[0]!, labels: all.filter(({ score }) => score >= 0.5) };
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

/** The configuration as that of a classifier whose samples have one class each. */
export const classifierConfig = (config: ModelConfig, labels: readonly string[], head: string): ModelConfig => ({
  ...config,
  ...architecture(config, head),
  ...withLabels({}, labels),
  problem_type: 'single_label_classification',
});

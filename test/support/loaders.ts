// Loaders of texts and of pictures as tests open them, without a model: what the tasks plan, from plain options.

import type { Augmentation } from '#ortune/data/images/augment/chain.js';
import type { ImageShape } from '#ortune/data/images/pixels.js';
import { imageLoading } from '#ortune/data/images/plan.js';
import type { Preprocessing } from '#ortune/data/images/preprocessing.js';
import type { TargetKind } from '#ortune/data/images/targets.js';
import type { DataLoader, LoaderOptions } from '#ortune/data/loader.js';
import type { DataType } from '#ortune/onnx/dtype.js';
import { startLoader } from '#ortune/tasks/loader.js';
import { labelInputs } from '#ortune/tasks/losses.js';
import { textClassification } from '#ortune/tasks/text-classification.js';

export interface TextLoaderOptions extends LoaderOptions {
  /** Holds the tokenizer. */
  directory: string;
  inputs: readonly { name: string; dtype: DataType }[];
  batchSize: number;
  maxLength: number;
  buckets?: readonly number[];
}

/** Of texts with one class each. */
export async function textLoader({
  directory,
  inputs,
  maxLength,
  buckets,
  ...options
}: TextLoaderOptions): Promise<DataLoader> {
  const model = { directory, inputs, outputs: [], maxPositions: Number.POSITIVE_INFINITY, labels: [] };
  const task = { name: textClassification.name, options: { targets: 'class' as const } };
  const plan = await textClassification.plan(model, { task: task.name, maxLength, buckets }, [], task.options);
  return startLoader(plan, task, options);
}

export interface ImageLoaderOptions extends LoaderOptions {
  input: string;
  shape: ImageShape;
  preprocessing: Preprocessing;
  maxPixels?: number;
  augmentation?: Augmentation;
  targets: TargetKind;
  /** Number of labels. */
  labels: number;
  batchSize: number;
}

/** Of pictures with their labels. */
export function imageLoader({ targets, labels, ...options }: ImageLoaderOptions): DataLoader {
  const { fields, ...plan } = imageLoading(options, options);
  const task = { name: 'image-classification', options: { targets } };
  return startLoader({ ...plan, fields: [...fields, ...labelInputs(targets, labels)] }, task, options);
}

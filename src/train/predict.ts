// Labels for texts, from a saved model directory through the stock onnxruntime-node session: a model that stays open
// for many requests, and the one-call form over it.

import { parseOptions } from '../config/options.js';
import { type PredictConfig, type PredictOptions, predictSchema } from '../config/schema.js';
import { type TextInput, textRows } from '../data/rows.js';
import { TextFeeder } from '../data/text-feeder.js';
import type { ResolveOptions } from '../models/hub.js';
import { openSavedModel, type SavedModel } from './saved-model.js';

export interface Prediction {
  label: string;
  /** Softmax probability of the label. */
  score: number;
}

/** A model directory that is open for predictions; `close` ends its threads. */
export class LoadedModel {
  readonly #config: PredictConfig;
  readonly #model: SavedModel;
  readonly #feeder: TextFeeder;

  /** Use `loadModel`. */
  constructor(config: PredictConfig, model: SavedModel) {
    this.#config = config;
    this.#model = model;
    this.#feeder = new TextFeeder({ ...config, ...model.shape, inputs: model.inputs, task: { name: config.task } });
  }

  /** Names of the classes in the order of the logits; empty when config.json names none. */
  get labels(): readonly string[] {
    return this.#model.labels;
  }

  /** The most probable label of each text or pair of texts, in their order. Calls may overlap. */
  async predict(
    texts: readonly TextInput[],
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Prediction[]> {
    const { batchSize } = this.#config;
    const predictions: Prediction[] = new Array(texts.length);
    for await (const batch of this.#feeder.batches(textRows(texts, batchSize), { signal })) {
      const { data } = await this.#model.predict(batch);
      const classes = data.length / batchSize;
      for (const [row, sample] of batch.samples.entries())
        predictions[sample] = best(data.subarray(row * classes, (row + 1) * classes), this.labels);
      batch.release();
    }
    return predictions;
  }

  async close(): Promise<void> {
    await this.#feeder.close();
    await this.#model.close();
  }
}

/**
 * Opens a model directory (or .onnx file) for predictions.
 * @param model its path or hub name
 * @param options those of `ortune predict`
 * @throws UsageError for a wrong option; ModelError for a model that cannot be opened or has no tokenizer
 */
export async function loadModel(
  model: string,
  options: Omit<PredictOptions, 'model'> = {},
  resolving: ResolveOptions = {},
): Promise<LoadedModel> {
  const config = parseOptions(predictSchema, { ...options, model });
  const opened = await openSavedModel(config, resolving);
  try {
    return new LoadedModel(config, opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** The most probable label of each text or pair of texts, in their order, from a model opened for this call. */
export async function predict(
  { model, ...options }: PredictOptions,
  texts: readonly TextInput[],
  { signal, onDownload }: ResolveOptions = {},
): Promise<Prediction[]> {
  const loaded = await loadModel(model, options, { signal, onDownload });
  try {
    return await loaded.predict(texts, { signal });
  } finally {
    await loaded.close();
  }
}

function best(logits: Float32Array, labels: readonly string[]): Prediction {
  const top = logits.indexOf(Math.max(...logits));
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - logits[top]!), 0);
  return { label: labels[top] ?? `LABEL_${top}`, score: 1 / sum };
}

// Labels for texts or pictures, from a saved model directory through the stock onnxruntime-node session: a model that stays
// open for many requests, and the one-call form over it.

import { parseOptions } from '../config/options.js';
import { type PredictConfig, type PredictOptions, predictSchema } from '../config/schema.js';
import { imageColumns, textColumns } from '../data/column-specs.js';
import type { ColumnSpec } from '../data/columns.js';
import { DataClient } from '../data/data-client.js';
import type { Batch, DataLoader } from '../data/feeder.js';
import { ImageLoader } from '../data/images/image-feeder.js';
import { storedShapes } from '../data/images/sources.js';
import { type GivenImages, isGivenImages, sourceOf } from '../data/images/tensors.js';
import { isStored } from '../data/pack/read-texts.js';
import { refuseOtherTokens } from '../data/pack/tokens.js';
import type { DataInput } from '../data/protocol.js';
import { type Samples, type TextInput, tableSamples, textSamples } from '../data/samples.js';
import { textShape } from '../data/sequence-lengths.js';
import { locationOf, pictureSources, type Table } from '../data/table.js';
import { TextLoader } from '../data/text-feeder.js';
import { UsageError } from '../errors.js';
import type { ResolveOptions } from '../models/hub.js';
import { planImages, readsImages } from '../train/images.js';
import { openSavedModel, type SavedModel } from '../train/saved-model.js';

export interface Prediction {
  label: string;
  /** Probability of the label: softmax over the labels, or of the label by itself where several may hold at once. */
  score: number;
  /** Where several labels may hold at once: those with a probability of at least one half, the likeliest first. */
  labels?: { label: string; score: number }[];
  /** Where the picture is: its path, or file and row. */
  place?: string;
  /** Why a picture could not be labelled: label is then empty, and score 0. */
  error?: string;
}

/** Texts; pictures in memory; or paths and globs of picture files, folders of them, tables and .safetensors files. */
export type PredictInput = readonly TextInput[] | GivenImages | { files: readonly string[] };

interface Predicting {
  signal?: AbortSignal | undefined;
}

/** A model directory that is open for predictions; `close` ends its threads. */
export class LoadedModel {
  readonly #config: PredictConfig;
  readonly #model: SavedModel;
  readonly #multiLabel: boolean;
  /** Of texts, or of pictures by their shape. */
  readonly #feeders = new Map<string, DataLoader>();
  readonly #client: DataClient | undefined;

  /** Use `loadModel`. */
  constructor(config: PredictConfig, model: SavedModel) {
    this.#config = config;
    this.#model = model;
    this.#multiLabel = config.multiLabel || model.multiLabel;
    if (readsImages(model.inputs)) this.#client = new DataClient();
    else this.#feeders.set('', this.#textFeeder());
  }

  #textFeeder(): TextLoader {
    const { directory, maxPositions, inputs } = this.#model;
    return new TextLoader({
      ...this.#config,
      ...textShape(directory, maxPositions, this.#config),
      inputs,
      task: undefined,
    });
  }

  /** Names of the classes in the order of the logits; empty when config.json names none. */
  get labels(): readonly string[] {
    return this.#model.labels;
  }

  /** The most probable label of each text, pair of texts or picture, in their order. Calls may overlap. */
  async predict(input: PredictInput, { signal }: Predicting = {}): Promise<Prediction[]> {
    const pictures = isGivenImages(input)
      ? { source: sourceOf(input, 'pictures') }
      : 'files' in input
        ? input
        : undefined;
    const feeder = this.#feeders.get('');
    if (feeder && 'files' in input && input.files.every(isStored))
      return this.#predictTokens(feeder, input.files, signal);
    if (pictures) return this.#predictImages(pictures, signal);
    if (!feeder)
      throw new UsageError(
        `${this.#config.model} reads pictures: give their files or a .safetensors file, or {pixels, shape} or {images}, in place of texts`,
      );
    const { batchSize } = this.#config;
    return this.#collect(feeder, textSamples(input as readonly TextInput[], batchSize), signal);
  }

  async #predictImages(input: DataInput, signal: AbortSignal | undefined): Promise<Prediction[]> {
    if (!this.#client) throw new UsageError(`${this.#config.model} reads texts, and was given pictures`);
    const { batchSize } = this.#config;
    const columns = imageColumns({ imageColumn: this.#config.imageColumn });
    const table = await unlabelled(this.#client, input, columns, signal);
    const plan = planImages(this.#model, this.#config, storedShapes(pictureSources(table)));
    const key = JSON.stringify(plan.shape);
    const feeder = this.#feeders.get(key) ?? new ImageLoader({ ...this.#config, ...plan, targets: 'class', labels: 1 });
    this.#feeders.set(key, feeder);
    const predictions = await this.#collect(feeder, tableSamples(table, batchSize), signal);
    return predictions.map((prediction, i) => ({ ...prediction, place: locationOf(table, i) }));
  }

  async #predictTokens(
    feeder: DataLoader,
    files: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<Prediction[]> {
    const client = new DataClient();
    try {
      const table = await unlabelled(client, { files }, textColumns({ textColumn: '' }), signal);
      const { directory, maxPositions } = this.#model;
      refuseOtherTokens(table.tokens!, files, textShape(directory, maxPositions, this.#config));
      const predictions = await this.#collect(feeder, tableSamples(table, this.#config.batchSize), signal);
      return predictions.map((prediction, i) => ({ ...prediction, place: locationOf(table, i) }));
    } finally {
      await client.close();
    }
  }

  async #collect(
    feeder: DataLoader,
    rows: AsyncGenerator<Samples, void, void>,
    signal: AbortSignal | undefined,
  ): Promise<Prediction[]> {
    const predictions: Prediction[] = [];
    for await (const batch of feeder.batches(rows, { signal })) {
      await this.#label(batch, predictions);
      for (const { sample, reason } of batch.bad) predictions[sample] = { label: '', score: 0, error: reason };
      batch.release();
    }
    return predictions;
  }

  async #label(batch: Batch, predictions: Prediction[]): Promise<void> {
    const { data } = await this.#model.predict(batch);
    const classes = data.length / this.#config.batchSize;
    const pick = this.#multiLabel ? holding : best;
    for (const [row, sample] of batch.samples.entries())
      predictions[sample] = pick(data.subarray(row * classes, (row + 1) * classes), this.labels);
  }

  async close(): Promise<void> {
    await this.#client?.close();
    for (const feeder of this.#feeders.values()) await feeder.close();
    await this.#model.close();
  }
}

/**
 * Opens a model directory (or .onnx file) for predictions; its input says whether of texts or of pictures.
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

/** The most probable label of each text, pair of texts or picture, in their order, from a model opened for this call. */
export async function predict(
  { model, ...options }: PredictOptions,
  input: PredictInput,
  { signal, onDownload }: ResolveOptions = {},
): Promise<Prediction[]> {
  const loaded = await loadModel(model, options, { signal, onDownload });
  try {
    return await loaded.predict(input, { signal });
  } finally {
    await loaded.close();
  }
}

async function unlabelled(
  client: DataClient,
  train: DataInput,
  columns: readonly ColumnSpec[],
  signal: AbortSignal | undefined,
): Promise<Table> {
  const request = { train, columns, seed: 0, hashed: false, scratch: client.scratch };
  const { source } = (await client.ask({ kind: 'open', ...request }, signal)).train;
  return (source as Extract<typeof source, { table: Table }>).table;
}

const nameOf = (labels: readonly string[], i: number): string => labels[i] ?? `LABEL_${i}`;

function best(logits: Float32Array, labels: readonly string[]): Prediction {
  const top = logits.indexOf(Math.max(...logits));
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - logits[top]!), 0);
  return { label: nameOf(labels, top), score: 1 / sum };
}

function holding(logits: Float32Array, labels: readonly string[]): Prediction {
  const all = Array.from(logits, (logit, i) => ({ label: nameOf(labels, i), score: 1 / (1 + Math.exp(-logit)) }));
  all.sort((a, b) => b.score - a.score);
  return { ...all[0]!, labels: all.filter(({ score }) => score >= 0.5) };
}

// What a saved model directory says of samples, through the stock onnxruntime-node session: a model that stays open for
// many requests, and the one-call form over it. What is said, and how it is read off the outputs, is the task's.

import { checkHooks, checkOptions, resolvingKeys } from '../arguments.js';
import { parseOptions } from '../config/options.js';
import { type PredictConfig, type PredictOptions, predictSchema } from '../config/schema.js';
import type { ColumnSpec } from '../data/columns.js';
import { DataClient } from '../data/data-client.js';
import { isPicture } from '../data/images/picture-names.js';
import { Remarks } from '../data/images/remarks.js';
import { isGivenImages, sourceOf } from '../data/images/tensors.js';
import type { DataLoader } from '../data/loader.js';
import { isDataTensors, sharedTensors } from '../data/memory/tensors.js';
import type { DataInput } from '../data/protocol.js';
import { formOf } from '../data/read/form.js';
import { withRemoteFiles } from '../data/remote-files.js';
import { type Samples, type TextInput, tableSamples, textSamples, textTable } from '../data/samples.js';
import { batchSizeOf } from '../data/slots.js';
import { locationOf, type Table } from '../data/table.js';
import { divided } from '../data/text/windows.js';
import { TokenizerProcess } from '../data/tokenizer/process.js';
import { crowdedNotes, openSavedModel, type SavedModel } from '../engine/saved-model.js';
import { UsageError } from '../errors.js';
import { type ModelArgument, modelArgument } from '../models/given-model.js';
import type { ResolveOptions } from '../models/hub.js';
import type { ClassPrediction } from '../tasks/classes.js';
import { planFor, startLoader } from '../tasks/loader.js';
import { type Reads, readsOf, whatIsRead } from '../tasks/reads.js';
import type { Prediction, PredictTools, TaskSpec } from '../tasks/task.js';
import { loadTask, type PredictionOf, type TaskName, taskNamed, taskOfModel, tasks } from '../tasks/tasks.js';
import { checkInput, isPictureRows, type PredictInput, picturesOf } from './predict-input.js';

export type { PredictInput } from './predict-input.js';

interface Predicting {
  signal?: AbortSignal | undefined;
  /** Told what was assumed of model and data, and what else the user should know of them. */
  onNote?: ((note: string) => void) | undefined;
}

/** The task that a saved model is of: the one named, else what its inputs and config.json say. */
function taskOf(config: PredictConfig, model: SavedModel): TaskSpec {
  const named = config.task ?? taskOfModel(model);
  const { name, options, ofModel, predict } = taskNamed(named ?? tasks[0].name);
  if (!predict) throw new UsageError(`${config.model}: task ${name} predicts nothing; measure the model with 'eval'`);
  return { name, options: options({ ...config, ...ofModel?.(model, config), task: name }, model) };
}

/** A model directory that is open for predictions; `close` ends its threads. */
export class LoadedModel<T extends TaskName = TaskName> {
  readonly #config: PredictConfig & { task: string };
  readonly #model: SavedModel;
  readonly #task: TaskSpec;
  /** Columns that the model's inputs are made of. */
  readonly #columns: readonly ColumnSpec[];
  /** By what they were planned for. */
  readonly #loaders = new Map<string, DataLoader>();
  readonly #client = new DataClient();
  /** Where predictions have texts of tokens. */
  #decoder: TokenizerProcess | undefined;
  /** Calls under way. */
  readonly #calls = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;
  /** Of how the model reads samples; not said yet. */
  readonly #notes: string[] = [];

  private constructor(config: PredictConfig, model: SavedModel) {
    this.#model = model;
    this.#task = taskOf(config, model);
    this.#config = { ...config, task: this.#task.name as TaskName };
    this.#notes.push(...crowdedNotes(config.threads));
    this.#columns = taskNamed(this.#task.name)
      .columns(this.#config, model)
      .filter(({ target }) => !target);
  }

  /** Use `loadModel`. */
  static async open(config: PredictConfig, model: SavedModel): Promise<LoadedModel> {
    await loadTask(taskOf(config, model).name);
    const loaded = new LoadedModel(config, model);
    try {
      // What is wrong with model or options is said now, where it does not depend on the data.
      if (loaded.#reads('text', 'texts')) await loaded.#loader([]);
      return loaded;
    } catch (error) {
      await loaded.#client.close();
      throw error;
    }
  }

  #reads(...kinds: ColumnSpec['kind'][]): boolean {
    return this.#columns.some(({ kind }) => kinds.includes(kind));
  }

  /** Of a model that reads pictures. */
  get #imageColumn(): string | undefined {
    return this.#columns.find(({ kind }) => kind === 'picture')?.name;
  }

  /** Names of the classes in the order of the logits; empty when config.json names none. */
  get labels(): readonly string[] {
    return this.#model.labels;
  }

  /** What its samples are. */
  get reads(): Reads {
    return readsOf(this.#columns);
  }

  /** A prediction as a line for people; `what` says which sample it is. */
  readonly show = (prediction: Prediction, what: string): string =>
    taskNamed(this.#task.name).show?.(prediction, what) ?? `${what}\t${JSON.stringify(prediction)}`;

  /** Writes predictions of this model to a file. @throws UsageError where its task has no file for them */
  readonly write = (predictions: readonly Prediction[], path: string): void => {
    const { name, write } = taskNamed(this.#task.name);
    if (!write)
      throw new UsageError(`option 'output' is for predictions that are tensors, not for task ${name}; leave it out`);
    write(predictions, path);
  };

  /**
   * What is said of each sample, in their order; `P` is what the task's predictions are, which the option `task` says
   * too. Calls may overlap.
   * @throws UsageError for input that is none, and when the model is closed, before the call or during it; the signal's
   *   reason
   */
  async predict<P extends Prediction = PredictionOf<T>>(input: PredictInput, options: Predicting = {}): Promise<P[]> {
    checkHooks(options, 'predict', ['signal', 'onNote']);
    checkInput(input, this.#imageColumn);
    this.#throwIfClosed();
    const call = this.#predict(input, options);
    this.#calls.add(call);
    const predictions = await call
      .catch((error: unknown) => {
        if (!options.signal?.aborted) this.#throwIfClosed();
        throw error;
      })
      .finally(() => this.#calls.delete(call));
    for (const note of this.#notes.splice(0)) options.onNote?.(note);
    return predictions as P[];
  }

  async #predict(input: PredictInput, { signal, onNote }: Predicting): Promise<Prediction[]> {
    const texts = this.#reads('text', 'texts');
    const image = this.#imageColumn;
    if (image !== undefined && isPictureRows(input, image)) return this.#predict(picturesOf(input, image), { signal });
    if (isGivenImages(input) && this.#reads('picture'))
      // Labels that pictures come with are not looked at, as those of files are not.
      return this.#predictData({ source: sourceOf({ ...input, labels: undefined }, 'pictures') }, signal);
    if (isDataTensors(input) && this.#reads('tensor'))
      return this.#predictData({ tensors: sharedTensors(input, 'input') }, signal);
    if ('files' in input && !(texts && input.files.some(isPicture))) return this.#predictData(input, signal, onNote);
    const given = isDataTensors(input) ? 'tensors' : isGivenImages(input) || 'files' in input ? 'pictures' : undefined;
    if (given !== undefined)
      throw new UsageError(`${this.#config.model} reads ${texts ? 'texts' : `no ${given}`}, and was given ${given}`);
    if (this.#reads('tensor'))
      throw new UsageError(
        `${this.#config.model} reads tensors: give files that hold them, or {tensors}, in place of texts`,
      );
    if (!texts)
      throw new UsageError(
        `${this.#config.model} reads pictures: give their files or a .safetensors file, or {pixels, shape} or {images}, in place of texts`,
      );
    if (taskNamed(this.#task.name).merge) return this.#predictTable(textTable(this.#beside(input as never)), signal);
    const { loader } = await this.#loader([]);
    const samples = textSamples(input as readonly TextInput[], batchSizeOf(loader.layout));
    return this.#collect(loader, samples, signal);
  }

  /** Questions with the text that the options give for all of them, where they come without one. */
  #beside(input: readonly TextInput[]): readonly TextInput[] {
    const { context } = this.#config;
    if (this.reads !== 'questions' || context === undefined) return input;
    return input.map((one) => (typeof one === 'string' ? { text: one, pair: context } : { pair: context, ...one }));
  }

  async #predictData(
    input: DataInput,
    signal: AbortSignal | undefined,
    onNote?: Predicting['onNote'],
  ): Promise<Prediction[]> {
    const form = formOf(this.#config);
    const { scratch } = this.#client;
    const fetched: string[] = [];
    const { maxDownloadBytes } = this.#config;
    const fetching = { notes: fetched, maxDownloadBytes, signal };
    const train = 'files' in input ? { files: await withRemoteFiles(input.files, this.#client, fetching) } : input;
    const request = { train, columns: this.#columns, form, seed: 0, hashed: false, measured: true, scratch };
    const opened = await this.#client
      .request({ kind: 'open', ...request }, signal)
      .catch(whatIsRead(this.#config.model, this.reads));
    for (const note of [...fetched, ...opened.notes]) onNote?.(note);
    const { source } = opened.train;
    const { table } = source as Extract<typeof source, { table: Table }>;
    const predictions = await this.#predictTable(table, signal);
    return predictions.map((prediction, i) => ({ ...prediction, place: locationOf(table, i) }));
  }

  /** Of long texts their windows are predicted, and put together. */
  async #predictTable(table: Table, signal: AbortSignal | undefined): Promise<Prediction[]> {
    const { loader, windows } = await this.#loader([table]);
    const { merge } = taskNamed(this.#task.name);
    const samples = tableSamples(windows ? divided(table, windows) : table, batchSizeOf(loader.layout));
    const found = await this.#collect(loader, samples, signal);
    if (!merge) return found;
    let at = 0;
    return Array.from({ length: table.count }, (_, row) => {
      const parts = found.slice(at, at + (windows?.[row] ?? 1));
      at += parts.length;
      return merge(parts, this.#task.options);
    });
  }

  /** The loader for such data, one for all that are planned alike, and the windows of the first table's samples. */
  async #loader(tables: readonly Table[]): Promise<{ loader: DataLoader; windows: Uint32Array | undefined }> {
    const model = { ...this.#model, purpose: 'predict' } as const;
    const plan = await planFor(this.#config, model, this.#task, tables);
    const key = JSON.stringify([plan.fields, plan.encoding]);
    const { batchSize } = plan;
    const windows = plan.windows?.[0];
    const known = this.#loaders.get(key);
    if (known) return { loader: known, windows };
    this.#notes.push(...(plan.notes ?? []));
    const loader = startLoader(plan, this.#task, { ...this.#config, batchSize });
    this.#loaders.set(key, loader);
    return { loader, windows };
  }

  async #collect(
    loader: DataLoader,
    samples: AsyncGenerator<Samples, void, void>,
    signal: AbortSignal | undefined,
  ): Promise<Prediction[]> {
    const { predict, unusable } = taskNamed(this.#task.name);
    const predictions: Prediction[] = [];
    const remarks = new Remarks();
    let truncated = 0;
    for await (const batch of loader.batches(samples, { signal })) {
      const results = await this.#model.run('predict', this.#task, batch);
      const found = await predict!(results, batch, this.labels, this.#task.options, { decode: this.#decode });
      for (const [row, sample] of batch.samples.entries()) predictions[sample] = found[row]!;
      for (const remark of batch.remarks ?? []) remarks.add(remark);
      for (const { sample, reason } of batch.bad) predictions[sample] = unusable?.(reason) ?? { error: reason };
      truncated += batch.truncated;
      batch.release();
    }
    this.#notes.push(...remarks.notes);
    if (truncated > 0)
      this.#notes.push(`${truncated} of ${predictions.length} texts were longer than the model reads and were cut`);
    return predictions;
  }

  readonly #decode: PredictTools['decode'] = async (rows, withoutSpecial) => {
    const { directory } = this.#model;
    this.#decoder ??= new TokenizerProcess({ directory, maxLength: 512 }, { background: false });
    return [...(await this.#decoder.request({ kind: 'decode', rows, withoutSpecial }))];
  };

  #throwIfClosed(): void {
    if (this.#closing) throw new UsageError(`${this.#config.model} is closed and predicts nothing more; open it again`);
  }

  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Ends its threads; calls under way fail. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#client.close();
    await this.#decoder?.close();
    for (const loader of this.#loaders.values()) await loader.close();
    // The runtime must not lose a session that it runs.
    await Promise.allSettled(this.#calls);
    await this.#model.close();
  }
}

/**
 * Opens a model directory (or .onnx file) for predictions; task, or its inputs and config.json, say what it is for.
 * @param model its path, URL or hub name, or its bytes
 * @param options those of `ortune predict`
 * @throws UsageError for a wrong option; ModelError for a model that cannot be opened or has no tokenizer
 */
export async function loadModel<T extends TaskName = TaskName>(
  model: ModelArgument,
  options: Omit<PredictOptions, 'model'> & { task?: T | undefined } = {},
  resolving: ResolveOptions = {},
): Promise<LoadedModel<T>> {
  const { name, given } = modelArgument(model, 'loadModel: model');
  checkOptions(options, 'loadModel: options');
  if ('model' in options) throw new UsageError("loadModel: 'model' is the first argument; leave it out of the options");
  checkHooks(resolving, 'loadModel', resolvingKeys);
  resolving.signal?.throwIfAborted();
  const config = parseOptions(predictSchema, { ...options, model: name });
  const opened = await openSavedModel({ ...config, given }, resolving);
  try {
    return await LoadedModel.open(config, opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

type PredictingWith = Omit<PredictOptions, 'model'> & { model: ModelArgument };

/**
 * What is said of each sample, in their order, by a model opened for this call: typed by the option `task`, or by `P`.
 */
export function predict<T extends TaskName>(
  options: PredictingWith & { task: T },
  input: PredictInput,
  hooks?: ResolveOptions & Predicting,
): Promise<PredictionOf<T>[]>;
export function predict<P extends Prediction = ClassPrediction>(
  options: PredictingWith,
  input: PredictInput,
  hooks?: ResolveOptions & Predicting,
): Promise<P[]>;
export async function predict<P extends Prediction>(
  options: PredictingWith,
  input: PredictInput,
  hooks: ResolveOptions & Predicting = {},
): Promise<P[]> {
  checkOptions(options, 'predict: options');
  checkHooks(hooks, 'predict', [...resolvingKeys, 'onNote']);
  // Which column has pictures is known once the model is open.
  checkInput(input, options.imageColumn ?? 'image');
  const { model, ...rest } = options;
  const { signal, onDownload, onNote } = hooks;
  const loaded = await loadModel(model, rest, { signal, onDownload });
  try {
    return await loaded.predict<P>(input, { signal, onNote });
  } finally {
    await loaded.close();
  }
}

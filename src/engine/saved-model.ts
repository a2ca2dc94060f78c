// A model directory as any other program opens it: the stock onnxruntime-node session over the file itself, nothing of
// ortune's graphs in between. What `eval` and `predict` measure is what users will run.

import type { Tensor as OrtTensor } from 'onnxruntime-node';
import { labelsOfConfig } from '../data/labels.js';
import { defaultThreads } from '../environment.js';
import { threadsNote } from '../machine.js';
import { type GivenModel, type ModelPlace, placeModel } from '../models/given-model.js';
import type { ResolveOptions } from '../models/hub.js';
import { convertFloat } from '../onnx/convert.js';
import { type DataType, isFloat, type TypedArray } from '../onnx/dtype.js';
import { fingerprint } from '../onnx/fingerprint.js';
import { joinModels, type ModelPart, onlyPart, openFiles } from '../onnx/join.js';
import { toGraph } from '../onnx/load.js';
import { judgeGraph } from '../onnx/nominal.js';
import { Tensor } from '../onnx/tensor.js';
import type { TensorView } from '../runtime/session.js';
import { fixedBatch } from '../tasks/fixed-axes.js';
import { refuseApart, taskOfFiles } from '../tasks/of-files.js';
import type { MainOutput, MeasuredBatch, ModelValues, Results, SavedFacts, SavedRun, TaskSpec } from '../tasks/task.js';
import { taskNamed } from '../tasks/tasks.js';
import { maxPositions, readModelConfig } from '../transfer/config.js';
import { embeddingRows } from '../transfer/embedding.js';
import { mainOutput } from './main-output.js';
import { withAdapters } from './merged-model.js';
import { fedType, SessionChain } from './session-chain.js';

export interface SavedModel extends ModelValues, SavedFacts {
  /** Infinity when it has no position table. */
  maxPositions: number;
  /** Rows of the table of token embeddings; undefined: there is none, or it is not known. */
  embeddingRows: number | undefined;
  /** What a task's meter (`evaluate`) or prediction reads of a batch. */
  run(mode: 'evaluate' | 'predict', task: TaskSpec, batch: MeasuredBatch): Promise<Results>;
  /** SHA-256 in hex over its files. */
  hash(): string;
  close(): Promise<void>;
}

/** What to say of the threads that a saved model is run with. */
export const crowdedNotes = (threads = defaultThreads()): string[] => [threadsNote(threads) ?? []].flat();

interface OpenOptions {
  model: string;
  /** What `model` stands for. */
  given?: GivenModel | undefined;
  /** Directories of adapters that the model is run with. */
  adapter?: readonly string[] | undefined;
  /** What the model is for; default what the names of its files say. */
  task?: string | undefined;
  /** Files of the directory that run one behind the other; default those of the task. */
  parts?: readonly ModelPart[] | undefined;
  threads?: number | undefined;
  maxGraphMemory?: number | undefined;
  maxDownloadBytes?: number | undefined;
  /** Inputs that have one value for all samples, as NAME=VALUE. */
  bind?: readonly string[] | undefined;
}

/**
 * @throws ModelError for a file that cannot be read or that the runtime refuses
 */
export async function openSavedModel(options: OpenOptions, resolving: ResolveOptions = {}): Promise<SavedModel> {
  const { maxDownloadBytes } = options;
  const own = await placeModel(options.model, options.given, { ...resolving, maxDownloadBytes });
  const place = await withAdapters(own, options.adapter);
  try {
    return await openPlaced(place, options);
  } catch (error) {
    await place.close();
    throw error;
  }
}

async function openPlaced(place: ModelPlace, options: OpenOptions): Promise<SavedModel> {
  const task = options.task ?? (options.parts ? undefined : taskOfFiles(place.path));
  const parts = options.parts ?? (task === undefined ? undefined : taskNamed(task).parts);
  const files = openFiles(place.path, parts, options);
  for (const file of files) judgeGraph(toGraph(file));
  const model = joinModels(parts ?? onlyPart, files);
  const { graph } = model;
  const config = readModelConfig(model.directory);
  if (task !== undefined) refuseApart(model, task, config);
  const labels = labelsOfConfig(config)?.names ?? [];
  let found: MainOutput | undefined;
  // Tasks that read outputs by their names never need it.
  const main = (): MainOutput => {
    found ??= mainOutput(model.path, graph, labels);
    return found;
  };
  const parameters = [...graph.initializers].map(([alias, { shape }]) => ({ alias, shape }));
  const names = graph.inputs.map(({ name }) => name);
  const chain = await SessionChain.open(model, options.threads);
  const closing: (() => Promise<void>)[] = [];
  const positions = maxPositions(config, parameters);
  const saved: SavedRun = {
    path: model.path,
    directory: model.directory,
    config,
    labels,
    inputs: names,
    outputs: graph.outputs,
    main,
    batch: fixedBatch(graph.inputs),
    maxPositions: positions,
    threads: options.threads,
    onClose: (work) => closing.push(work),
    async run(inputs, outputs) {
      const fetched = await chain.run(inputs, [...outputs]);
      return Object.fromEntries(outputs.map((name, i) => [name, viewOf(fetched[i]!)]));
    },
  };
  return {
    inputs: graph.inputs.map((input) => ({ ...input, dtype: fedType(input.dtype) })),
    outputs: graph.outputs,
    labels,
    path: model.path,
    main,
    directory: model.directory,
    maxPositions: positions,
    embeddingRows: embeddingRows(graph),
    config,
    hash: () => fingerprint(...files),
    run(mode, { name, options }, batch) {
      const task = taskNamed(name);
      return task.resultsOf(saved, batch, options, mode);
    },
    async close() {
      for (const work of closing) await work();
      await chain.release().finally(place.close);
    },
  };
}

/** Floats of any width as float32. */
function viewOf({ type, data, dims }: OrtTensor): TensorView {
  const view = { dtype: type as DataType, shape: [...dims], data: data as TypedArray };
  if (!isFloat(view.dtype) || view.dtype === 'float32') return view;
  const floats = convertFloat(Tensor.view(view.dtype, view.shape, view.data), 'float32');
  return { ...view, dtype: 'float32', data: floats.data() };
}

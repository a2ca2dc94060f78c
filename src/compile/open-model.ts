// Opens a model for a task: transfer, head, adapter, what is trained, and the notes of what a user should know.

import { totalmem } from 'node:os';
import { labelsOfConfig, pairs } from '../data/labels.js';
import { UsageError } from '../errors.js';
import type { HeadResult } from '../heads/classification.js';
import { type HeadName, heads } from '../heads/heads.js';
import { recurrentNotes } from '../lower/recurrent/fused.js';
import { type Graph, prune, type ValueInfo } from '../onnx/graph.js';
import { type JoinedModel, joinModels, onlyPart, openFiles } from '../onnx/join.js';
import { toGraph } from '../onnx/load.js';
import type { Model } from '../onnx/model.js';
import { type Became, controlNotes, judgeGraph } from '../onnx/nominal.js';
import { quote } from '../quote.js';
import { Arena } from '../runtime/arena.js';
import { refuseApart } from '../tasks/of-files.js';
import type { ModelValues } from '../tasks/task.js';
import { taskNamed } from '../tasks/tasks.js';
import { type Attached, attachAdapter } from '../transfer/adapter/attach.js';
import type { AdapterOptions } from '../transfer/adapter/options.js';
import { chooseStatistics } from '../transfer/batch-norm.js';
import { type FilesBeside, readFilesBeside } from '../transfer/beside.js';
import { dropoutOf, type ModelConfig, maxPositions, readModelConfig } from '../transfer/config.js';
import { withFloatHead } from '../transfer/dequantise.js';
import { embeddingRows } from '../transfer/embedding.js';
import { holdParameters, holdStored } from '../transfer/hold.js';
import { chooseParameters, leftOutNote, type ParameterChoice } from '../transfer/parameters.js';
import { findSiblings, mergedNote, type SiblingFile } from '../transfer/siblings.js';
import { prepareModel, transferSteps } from '../transfer/steps.js';
import { storedNote, storedTensors } from '../transfer/stored.js';
import { apartNotes } from '../transfer/tied.js';
import { taskOutputs } from './compile.js';
import { loadParameters } from './load-parameters.js';
import type { OpenedModel, OpenRequest } from './protocol.js';
import { refuseOnDevice, refuseOtherInput, refuseOtherTypes, refuseUntrained } from './refusals.js';

/** A model as it was opened. */
export interface Opened {
  request: OpenRequest;
  /** As they were given; the last has the head. */
  files: readonly Model[];
  model: JoinedModel;
  config: ModelConfig;
  graph: Graph;
  choice: ParameterChoice;
  adapted: Attached | undefined;
  info: OpenedModel;
  /** What will be saved with it. */
  beside: FilesBeside;
  siblings: readonly SiblingFile[];
}

export const valuesOf = ({ inputs, outputs }: Graph): ModelValues => {
  const plain = ({ name, dtype, shape }: ValueInfo) => ({ name, dtype, shape });
  return { inputs: inputs.map(plain), outputs: outputs.map(plain) };
};

/** @throws UsageError, ModelError for a model that does not fit the request */
export function openModel(request: OpenRequest): Opened {
  const files = openFiles(request.model, request.parts, request);
  // Before anything follows the file's own graph.
  const ofGraphs = files.flatMap((file) => {
    const became: Became = new Map();
    const graph = toGraph(file);
    judgeGraph(graph, became);
    return [...controlNotes(graph, became), ...recurrentNotes(graph)];
  });
  // The head is behind the last one.
  const file = files.pop()!;
  const step = transferSteps.find(({ option }) => request[option] !== undefined);
  if (files.length > 0 && step)
    throw new UsageError(
      `${step.option} is for a model of one file, and ${request.model} has ${files.length + 1}: leave it out`,
    );
  if (files.length > 0 && request.lora)
    throw new UsageError(
      `adapter is for a model of one file, and ${request.model} has ${files.length + 1}: leave it out`,
    );
  const trunk = prepareModel(file, readModelConfig(file.directory), request);
  const { config } = trunk;
  const own = labelsOfConfig(config)?.names ?? [];
  const labels = request.labels ?? own;
  if (files.length === 0) refuseOtherInput(file, request.task);
  const { model: whole, note: ofLayer } = request.labels ? withFloatHead(trunk.model) : { model: trunk.model };
  const { model: last, note } = fitted(whole, config, request, labels);
  const notes = [
    ...ofGraphs,
    ...trunk.notes,
    ...(ofLayer === undefined ? [] : [ofLayer]),
    ...(note === undefined ? [] : [note]),
    ...otherProblem(config, labels, request),
  ];
  if (note === undefined) notes.push(...renamed(own, request));
  const model = joinModels(request.parts ?? onlyPart, [...files, last]);
  const { graph } = model;
  refuseApart(model, request.task.name, config);
  // What the file asks for is judged; from here on batches of the user's decide.
  graph.maxBytes = Math.max(graph.maxBytes, totalmem());
  const wanted = Object.values(taskOutputs(graph, request.task));
  graph.outputs = graph.outputs.filter((o) => wanted.includes(o.name));
  prune(graph);
  const weights = chooseParameters(model, graph, {
    freeze: request.freeze,
    trainable: request.trainable,
    outputs: wanted,
  });
  const adapted = request.lora && adaptNow(graph, weights, config, request, request.lora);
  const choice = adapted?.choice ?? weights;
  notes.push(...(adapted?.notes ?? []));
  refuseOtherTypes(file, choice, request);
  if (choice.computed)
    notes.push(
      `the file computes in ${choice.computed}: it is trained in float32, and the weights are saved as ${choice.computed}`,
    );
  refuseUntrained(model, wanted, choice);
  const trainable = new Set(choice.trainable.map(({ name }) => name));
  taskNamed(request.task.name).prepare?.(graph, trainable, request.task.options);
  const { updated, kept, notes: ofStatistics } = chooseStatistics(graph, trainable, request.batchNorm ?? 'batch');
  notes.push(...ofStatistics);
  holdStored(graph, [...files, last]);
  const stored = storedTensors(graph);
  const ofStored = storedNote(graph);
  if (ofStored !== undefined) notes.push(ofStored);
  if (stored.size > 0 && request.target !== undefined && request.target !== 'cpu') refuseOnDevice(file, request.target);
  const noted = new Set([...[...updated, ...kept].map(({ name }) => name), ...stored.keys()]);
  for (const { name, reason } of choice.leftOut)
    if (!noted.has(name)) notes.push(`not trained: ${quote(name)} (${reason})`);
  const share = leftOutNote({ ...choice, leftOut: choice.leftOut.filter(({ name }) => !noted.has(name)) });
  if (share !== undefined) notes.push(share);
  notes.push(...apartNotes(choice.apart));
  const siblings = findSiblings(model, taskNamed(request.task.name).siblings ?? [], {
    graph,
    parameters: [...choice.trainable, ...choice.frozen],
  });
  notes.push(...siblings.notes, ...mergedNote(choice, graph));
  const drawn = request.init === 'random' ? { seed: request.seed, deviation: config.initializer_range } : undefined;
  const { parameters, statistics, arena } = loadParameters(graph, choice, { updated, kept }, drawn);
  const positions = maxPositions(config, parameters);
  const dropout = { ...dropoutOf(config, taskNamed(request.task.name).dropout), ...request.dropout };
  const { directory } = file;
  const values = Arena.over(parameters, arena);
  holdParameters(graph, [...files, last], new Map(parameters.map(({ name }) => [name, values.array(name)])));
  const info = {
    ...valuesOf(graph),
    shapedBy: taskNamed(request.task.name).shapedBy ?? [],
    parameters,
    statistics,
    arena,
    labels,
    dropout,
    directory,
    maxPositions: positions,
    embeddingRows: embeddingRows(graph),
    notes,
  };
  return {
    request,
    files: [...files, file],
    model,
    config,
    graph,
    choice,
    adapted,
    info,
    beside: readFilesBeside(directory, positions),
    siblings: siblings.files,
  };
}

/** Gives the model the adapter that the request asks for. */
function adaptNow(
  graph: Graph,
  choice: ParameterChoice,
  config: ModelConfig,
  { seed, task }: OpenRequest,
  options: AdapterOptions,
): Attached {
  const ownHead = !withoutOwnHead.has(taskNamed(task.name).head);
  return attachAdapter(graph, choice, { options, config, seed, ownHead });
}

/** Heads that come with the model: what they compute is not the task's own. */
const withoutOwnHead: ReadonlySet<HeadName> = new Set(['none', 'language-model', 'embedding']);

/** Where config.json says that the outputs mean something else than what they will be trained for. */
function otherProblem(config: ModelConfig, labels: readonly string[], { task, labels: given }: OpenRequest): string[] {
  const trained = given && taskNamed(task.name).config(config, labels, task.options).problem_type;
  const { problem_type: said } = config;
  if (typeof said !== 'string' || typeof trained !== 'string' || said === trained) return [];
  return [`config.json says problem_type ${said}, and the run trains ${trained}, which the saved model will say`];
}

/** The model with the head that the task needs. */
function fitted(
  file: Model,
  config: ModelConfig,
  { task, seed, labels: given, headLayers: layers }: OpenRequest,
  labels: readonly string[],
): Pick<HeadResult, 'model' | 'note'> {
  const ensure = heads[taskNamed(task.name).head];
  return ensure(file, { labels: given && labels.length, layers, seed, config, options: task.options });
}

/** What becomes of the names of a head's outputs, where the head stays. */
function renamed(own: readonly string[], { labels = [], init }: OpenRequest): string[] {
  const names = own.length > 0 ? own : labels.map((_, id) => String(id));
  const other = labels.flatMap((label, id) => (names[id] === label ? [] : [id]));
  if (other.length === 0 || init === 'random') return [];
  const what =
    own.length > 0 ? 'its classes have other names now' : 'its outputs, which config.json does not name, are now';
  const [from, to] = [names, labels].map((of) => other.map((id) => of[id]!)) as [string[], string[]];
  return [`the head is kept, and ${what}: ${pairs(from, to)}`];
}

// Runs in a worker thread: owns the opened model, applies transfer, builds graphs and saves, so that parsing, graph
// building, hashing and writing never hold up the host's event loop. One model per worker.

import { totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { labelsOfConfig, pairs } from '../data/labels.js';
import { ModelError, OrtuneError, type Outcome, outcomeOf, UsageError } from '../errors.js';
import { writeStaged } from '../files/staging.js';
import type { HeadResult } from '../heads/classification.js';
import { type HeadName, heads } from '../heads/heads.js';
import { bytesTogether, type Counted } from '../lower/memory.js';
import { recurrentNotes } from '../lower/recurrent/fused.js';
import { dimensions, elementTypeOf } from '../onnx/file/surgery.js';
import { fingerprint, preprocessingHash } from '../onnx/fingerprint.js';
import { dependentNodes, type Graph, prune, type Value, type ValueInfo } from '../onnx/graph.js';
import { type JoinedModel, joinModels, onlyPart, openFiles } from '../onnx/join.js';
import { toGraph } from '../onnx/load.js';
import { graphOf, type Model } from '../onnx/model.js';
import { type Became, controlNotes, judgeGraph } from '../onnx/nominal.js';
import { Tensor } from '../onnx/tensor.js';
import { quote } from '../quote.js';
import { Arena } from '../runtime/arena.js';
import { refuseApart } from '../tasks/of-files.js';
import type { ModelValues, TaskSpec } from '../tasks/task.js';
import { loadTask, taskNamed } from '../tasks/tasks.js';
import { serve } from '../threads/serve.js';
import { type Attached, attachAdapter } from '../transfer/adapter/attach.js';
import { type MergedDirectory, mergeDirectories } from '../transfer/adapter/directories.js';
import { type Merged, mergeLayers, openForAdapters } from '../transfer/adapter/merge.js';
import type { AdapterOptions } from '../transfer/adapter/options.js';
import { writeAdapter } from '../transfer/adapter/write.js';
import { chooseStatistics, type Statistic } from '../transfer/batch-norm.js';
import { type FilesBeside, jsonBytes, readFilesBeside } from '../transfer/beside.js';
import { dropoutOf, type ModelConfig, maxPositions, readModelConfig } from '../transfer/config.js';
import { withFloatHead } from '../transfer/dequantise.js';
import { writeModelDirectory } from '../transfer/directory.js';
import { embeddingRows } from '../transfer/embedding.js';
import { holdParameters, holdStored } from '../transfer/hold.js';
import { type DrawOptions, drawParameters, resetStatistics } from '../transfer/init.js';
import { chooseParameters, leftOutNote, type Parameter, type ParameterChoice } from '../transfer/parameters.js';
import { findSiblings, mergedNote, type SiblingFile } from '../transfer/siblings.js';
import { prepareModel, transferSteps } from '../transfer/steps.js';
import { storedNote, storedTensors } from '../transfer/stored.js';
import { apartNotes } from '../transfer/tied.js';
import { unitAxis } from '../transfer/units.js';
import { type CompileOptions, compile, compileGraph, taskOutputs } from './compile.js';
import type {
  Compiled,
  CompileRequest,
  CutRequest,
  MemoryRequest,
  MergeRequest,
  ModelHashes,
  OpenedModel,
  OpenRequest,
  ParameterInfo,
  Saved,
  SaveRequest,
  StatisticInfo,
  TrunkCut,
} from './protocol.js';
import { trunkCut } from './trunk-cut.js';

interface Opened {
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

let opened: Opened | undefined;

const current = (): Opened => {
  if (!opened) throw new Error('no model has been opened in this worker');
  return opened;
};

const valuesOf = ({ inputs, outputs }: Graph): ModelValues => {
  const plain = ({ name, dtype, shape }: ValueInfo) => ({ name, dtype, shape });
  return { inputs: inputs.map(plain), outputs: outputs.map(plain) };
};

function openNow(request: OpenRequest): OpenedModel {
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
  opened = {
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
  return info;
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

/** @throws ModelError for a model that the task cannot read, before it would be refused in words that help less */
function refuseOtherInput(file: Model, { name }: TaskSpec): void {
  const { input, initializer } = graphOf(file);
  const weights = new Set(initializer.map(({ name }) => name));
  const fed = input.filter(({ name }) => !weights.has(name));
  const values = fed.map((info) => ({ name: info.name, dtype: elementTypeOf(info), shape: dimensions(info) }));
  const problem = taskNamed(name).refuses?.(values);
  if (problem !== undefined) throw new ModelError(`${file.path}: ${problem}`);
}

/** @throws ModelError for an output that no trained parameter has a part in: its loss would never change */
function refuseUntrained(
  { path, graph }: JoinedModel,
  outputs: readonly Value[],
  { trainable }: ParameterChoice,
): void {
  const names = trainable.map(({ name }) => name);
  const reached = new Set([...names, ...[...dependentNodes(graph, names)].flatMap((node) => node.outputs)]);
  const other = outputs.find((output) => !reached.has(output));
  if (other !== undefined)
    throw new ModelError(
      `${path}: output ${quote(other)} does not depend on any parameter that is trained, so a loss over it would never change. ` +
        'Take another output, or freeze less.',
    );
}

/** @throws ModelError: devices have other kernels for rounded numbers, or none, and none of them is tried */
function refuseOnDevice(file: Model, device: string): never {
  throw new ModelError(
    `${file.path} is quantised, which ortune trains on the CPU alone, not on ${device}. Train with device cpu, or with the ` +
      'float32 or float16 model.',
  );
}

/** Frozen weights of another type stay as they are, in the graph; one to train or to draw anew has to be float32. */
function refuseOtherTypes(file: Model, { trainable, frozen }: ParameterChoice, { init }: OpenRequest): void {
  const other = [...trainable, ...(init === 'random' ? frozen : [])].find((p) => !inArena(p));
  if (!other) return;
  throw new ModelError(
    `${file.path}: parameter ${quote(other.name)} is ${other.dtype}; ortune trains float32 models, and in float32 those of 16 bits or whose inputs are float64. ` +
      `Export the model in float32${init === 'random' ? '' : ', or freeze the parameter'}.`,
  );
}

const inArena = ({ dtype }: Parameter): boolean => dtype === 'float32';

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

/**
 * The arena with the value of every float32 parameter, trained and frozen ones alike, and of the statistics that are
 * not as the file has them or will not stay so; the graph's, or drawn ones.
 */
function loadParameters(
  graph: Graph,
  choice: ParameterChoice,
  { updated, kept }: Record<'updated' | 'kept', readonly Statistic[]>,
  drawn: DrawOptions | undefined,
): Pick<OpenedModel, 'parameters' | 'statistics' | 'arena'> {
  const trainable = new Set<Parameter>(choice.trainable);
  const chosen = [...choice.trainable, ...choice.frozen].filter(inArena);
  const measured = drawn ? [...updated, ...kept] : updated;
  const arena = Arena.create(Arena.layout([...chosen, ...measured]));
  const arrayOf = (name: string): Float32Array => arena.array(name);
  if (drawn) {
    drawParameters(chosen, drawn, arrayOf);
    resetStatistics(measured, arrayOf);
  } else
    for (const { name } of [...chosen, ...measured])
      arena.array(name).set(graph.initializers.get(name)!.data() as Float32Array);
  const consumers = graph.consumers();
  const parameters = chosen.map((parameter, i): ParameterInfo => {
    const { name, alias, head } = parameter;
    const axis = unitAxis(graph, consumers, name);
    return { ...arena.entries[i]!, alias, head, trainable: trainable.has(parameter), unitAxis: axis };
  });
  const statistics = measured.map(({ kind }, i): StatisticInfo => {
    return { ...arena.entries[chosen.length + i]!, kind, updated: i < updated.length };
  });
  return { parameters, statistics, arena: arena.buffer };
}

function buildNow(request: CompileRequest): Compiled {
  return compile(current().graph, request, compileOptions());
}

function memoryNow({ sets, recompute }: MemoryRequest): number[] {
  const options = compileOptions();
  const { target = 'cpu' } = options;
  const counted = (request: CompileRequest): Counted => {
    const made = compileGraph(current().graph, request, { ...options, recompute: recompute ?? options.recompute });
    const { graph, trained, held, inPlace, statistics, gradients, updates } = made;
    const given = [...trained, ...held, ...inPlace.keys(), ...statistics];
    return { graph, bound: new Set([...given, ...gradients.values(), ...updates.values()]) };
  };
  return sets.map((requests) => bytesTogether(requests.map(counted), target));
}

function cutNow(request: CutRequest): TrunkCut | undefined {
  const { graph, info } = current();
  const arena = Arena.over([...info.parameters, ...info.statistics], info.arena);
  return trunkCut(graph, request, compileOptions(), (name) => arena.array(name));
}

function compileOptions(): CompileOptions {
  const { choice, config, info, request: opening, adapted } = current();
  const reset = info.statistics.filter((s) => !s.updated);
  return {
    trained: new Set(choice.trainable.map((p) => p.name)),
    frozen: new Set([...choice.frozen.filter(inArena), ...reset].map((p) => p.name)),
    statistics: new Set(info.statistics.filter((s) => s.updated).map((s) => s.name)),
    dropout: info.dropout,
    labelSmoothing: opening.labelSmoothing ?? 0,
    recompute: opening.recompute,
    task: opening.task,
    family: config.model_type ?? '',
    kernels: new Set(opening.kernels),
    target: opening.target ?? 'cpu',
    precision: opening.precision,
    adapterDropout: adapted && { rate: opening.lora!.dropout, readers: adapted.readers },
  };
}

function saveNow({ directory, form = 'model', arena: buffer, preprocessor, settled }: SaveRequest): Saved {
  const notes: string[] = [];
  const { model, choice, config, info, request, beside, siblings, adapted } = current();
  const { task, init } = request;
  const { config: configure, files } = taskNamed(task.name);
  const saved = configure(config, info.labels, { ...task.options, ...settled });
  const more = Object.entries(files?.(task.options, info) ?? {}).map(
    ([name, json]) => [name, jsonBytes(json)] as const,
  );
  const arena = Arena.over([...info.parameters, ...info.statistics], buffer);
  const currently = ({ name, shape }: { name: string; shape: readonly number[] }): Tensor =>
    Tensor.view('float32', shape, arena.array(name).slice());
  const all = new Map([...choice.trainable, ...choice.frozen].map((parameter) => [parameter.name, parameter]));
  const tensorNamed = (name: string): Tensor => currently(all.get(name)!);
  const allBeside = new Map([...beside, ...more]);
  if (form === 'adapter') {
    const path = written(directory, (staging) => {
      writeAdapter(staging, adapted!, tensorNamed, {
        config: saved,
        beside: allBeside,
        preprocessor,
        base: model.directory,
        taskType: taskNamed(task.name).peftType ?? null,
        dropout: request.lora!.dropout,
      });
      return staging;
    });
    return { path, notes };
  }
  const kept = adapted?.saved ?? (init === 'random' ? [...choice.trainable, ...choice.frozen] : choice.trainable);
  const { model: file = model, weights: merged = [] } = adapted ? mergeNow(model, config, adapted, tensorNamed) : {};
  const weights = new Map([
    ...[...kept, ...info.statistics].map((parameter) => [parameter.name, currently(parameter)] as const),
    ...merged.map(({ parameter, weight }) => [parameter.name, weight] as const),
  ]);
  const changed = [...kept, ...merged.map(({ parameter }) => parameter)];
  const writing = { config: saved, copies: changed, beside: allBeside, preprocessor, siblings };
  const onNote = (note: string): void => void notes.push(note);
  const path = written(directory, (staging) => writeModelDirectory(file, staging, weights, { ...writing, onNote }));
  return { path, notes };
}

/** The file with the adapter merged in. */
function mergeNow(
  { parts }: JoinedModel,
  config: ModelConfig,
  { adapters }: Attached,
  tensor: (name: string) => Tensor,
): Merged {
  const layers = adapters.map(({ module, a, b, magnitude, scaling }) => {
    const scale = magnitude === undefined ? undefined : tensor(magnitude);
    const layer = { a: tensor(a), b: tensor(b), magnitude: scale, scaling };
    return [module.alias, [layer]] as const;
  });
  return mergeLayers(openForAdapters(parts[0]!.model, config), config, new Map(layers));
}

/** Has `write` fill the directory; the path that it gives, there. @throws OrtuneError where it cannot be written */
function written(directory: string, write: (staging: string) => string): string {
  try {
    return join(
      directory,
      writeStaged(directory, (staging) => relative(staging, write(staging))),
    );
  } catch (error) {
    if (error instanceof OrtuneError || !(error as NodeJS.ErrnoException).code) throw error;
    throw new OrtuneError(`the trained model cannot be written to ${directory}: ${(error as Error).message}`);
  }
}

serve({
  open: (request: OpenRequest): Promise<Outcome<OpenedModel>> =>
    outcomeOf(async () => {
      await loadTask(request.task.name);
      return openNow(request);
    }),
  hashes: (): Promise<Outcome<ModelHashes>> =>
    outcomeOf(() => {
      const { files } = current();
      return { hash: fingerprint(...files), preprocessing: preprocessingHash(files.at(-1)!) };
    }),
  build: (request: CompileRequest): Promise<Outcome<Compiled>> => outcomeOf(() => buildNow(request)),
  cut: (request: CutRequest): Promise<Outcome<TrunkCut | undefined>> => outcomeOf(() => cutNow(request)),
  memory: (request: MemoryRequest): Promise<Outcome<number[]>> => outcomeOf(() => memoryNow(request)),
  /** What a model takes and gives; it is not kept. */
  values: (request: Pick<OpenRequest, 'model' | 'parts' | 'maxGraphMemory' | 'bind'>): Promise<Outcome<ModelValues>> =>
    outcomeOf(() =>
      valuesOf(joinModels(request.parts ?? onlyPart, openFiles(request.model, request.parts, request)).graph),
    ),
  /** A model with adapters merged in; neither is kept. */
  merge: ({ model, adapters, output }: MergeRequest): Promise<Outcome<MergedDirectory>> =>
    outcomeOf(() => mergeDirectories(model, adapters, output)),
  save: (request: SaveRequest): Promise<Outcome<Saved>> => outcomeOf(() => saveNow(request)),
});

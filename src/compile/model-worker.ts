// Runs in a worker thread: owns the opened model, builds graphs and saves, so that parsing, graph building, hashing and
// writing never hold up the host's event loop. One model per worker.

import { type Outcome, outcomeOf } from '../errors.js';
import { bytesTogether, type Counted } from '../lower/memory.js';
import { fingerprint, preprocessingHash } from '../onnx/fingerprint.js';
import { joinModels, onlyPart, openFiles } from '../onnx/join.js';
import { Arena } from '../runtime/arena.js';
import type { ModelValues } from '../tasks/task.js';
import { loadTask } from '../tasks/tasks.js';
import { collectGarbage } from '../threads/collect-garbage.js';
import { serve } from '../threads/serve.js';
import { type MergedDirectory, mergeDirectories } from '../transfer/adapter/directories.js';
import { type CompileOptions, compile, compileGraph } from './compile.js';
import { type Opened, openModel, valuesOf } from './open-model.js';
import type {
  Compiled,
  CompileRequest,
  CutRequest,
  MemoryRequest,
  MergeRequest,
  ModelHashes,
  OpenedModel,
  OpenRequest,
  Saved,
  SaveRequest,
  TrunkCut,
} from './protocol.js';
import { inArena } from './refusals.js';
import { saveModel } from './save-model.js';
import { trunkCut } from './trunk-cut.js';

/** Bytes that are not worth looking for. */
const unnoticed = 2 ** 26;

let opened: Opened | undefined;

const current = (): Opened => {
  if (!opened) throw new Error('no model has been opened in this worker');
  return opened;
};

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

serve({
  open: (request: OpenRequest): Promise<Outcome<OpenedModel>> =>
    outcomeOf(async () => {
      await loadTask(request.task.name);
      opened = openModel(request);
      // What was read of the file, where the arena has taken its place.
      if (opened.info.arena.byteLength > unnoticed) collectGarbage();
      return opened.info;
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
  save: (request: SaveRequest): Promise<Outcome<Saved>> => outcomeOf(() => saveModel(current(), request)),
});

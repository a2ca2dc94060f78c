// From a loaded graph to what the device runs: specialise, restore training forms, dropout, loss, gradients, lowering.
// Pure and synchronous; it runs in the model worker, because building a large graph would hold up the host's event
// loop.

import { backward } from '../autodiff/backward.js';
import type { InputShapes } from '../data/slots.js';
import { roundsInside } from '../lower/definitions/stored.js';
import { dequantiseLate } from '../lower/dequantise.js';
import { lowerForDevice } from '../lower/devices/forms.js';
import { fuse } from '../lower/fuse.js';
import { lower } from '../lower/lower.js';
import { lossScaleInput, toMixedPrecision } from '../lower/mixed-precision.js';
import { useOrtuneGemm } from '../lower/ortune-gemm.js';
import { pretransposeGemm } from '../lower/pretranspose-gemm.js';
import { recomputeLayers } from '../lower/recompute.js';
import { recomputeCheap } from '../lower/recompute-cheap.js';
import { runInTurn } from '../lower/row-chunks.js';
import { scheduleGradientsEarly } from '../lower/schedule-gradients.js';
import type { DeviceKind, HalfType, Precision } from '../lower/target.js';
import { multiplyAdds } from '../lower/work.js';
import { Builder } from '../onnx/builder.js';
import { isFloat } from '../onnx/dtype.js';
import { encodeGraph } from '../onnx/encode.js';
import { type Graph, infoOf, prune, type Value } from '../onnx/graph.js';
import { recognisePatterns } from '../onnx/restore/restore.js';
import { specialize } from '../onnx/specialize.js';
import { taskInput } from '../tasks/inputs.js';
import type { Outputs, TaskSpec } from '../tasks/task.js';
import { taskNamed } from '../tasks/tasks.js';
import { useBatchStatistics } from '../transfer/batch-norm.js';
import type { DropoutRates } from '../transfer/config.js';
import { type AdapterDropout, insertAdapterDropout, insertDropout } from '../transfer/dropout.js';
import { logitsOf } from '../transfer/parameters.js';
import { keepAbove, keepBelow } from '../trunk/cut.js';
import type { Compiled, CompileRequest, GraphValue } from './protocol.js';
import { type Attached, attachPullback, attachVectors, stepLossGraph, vectorsInput } from './step-loss.js';
import { unpackedWeights } from './unpacked-weights.js';

export interface CompileOptions {
  /** Names of the trained parameters: they become inputs of the graph. */
  trained: ReadonlySet<string>;
  /** Names of the frozen parameters: they become initializers whose data the session host supplies. */
  frozen: ReadonlySet<string>;
  /** Names of the running averages of BatchNormalization that training updates: inputs of the graph; default none. */
  statistics?: ReadonlySet<string>;
  dropout: DropoutRates;
  /** On what an adapter reads, and the nodes that read it. */
  adapterDropout?: AdapterDropout | undefined;
  /** Of the training loss. */
  labelSmoothing: number;
  task: TaskSpec;
  /** Which activations are computed again for their gradients instead of kept; default none. */
  recompute?: 'none' | 'layers' | undefined;
  /**
   * What a graph that trains computes its products in, default float32; otherwise, but on the CPU, `loss_scale` is an
   * input, and the kernels must be none, since they are for float32.
   */
  precision?: Precision | undefined;
  /** `model_type` of config.json. */
  family: string;
  kernels: ReadonlySet<string>;
  /**
   * What the graph is for, default the CPU; elsewhere all frozen parameters are inputs too, and integers 32 bits wide.
   */
  target?: DeviceKind | undefined;
}

/** What a session is made of, its model still a graph. */
export interface CompiledGraph extends Omit<Compiled, 'model'> {
  graph: Graph;
}

/** Builds the graph of one mode for inputs of certain shapes from a normalised graph, which stays untouched. */
export function compile(source: Graph, request: CompileRequest, options: CompileOptions): Compiled {
  const { graph, ...compiled } = compileGraph(source, request, options);
  const withoutData = new Set(compiled.constants);
  return { model: encodeGraph(graph, { withoutData: (name) => withoutData.has(name) }), ...compiled };
}

/** `compile`, up to the file. */
export function compileGraph(source: Graph, request: CompileRequest, options: CompileOptions): CompiledGraph {
  const { mode, cut } = request;
  if (mode === 'stepLoss') return compileStepLoss(request, options);
  const { statistics = new Set<string>() } = options;
  const half = halfTensors(options);
  const task = taskNamed(options.task.name);
  const changing = new Set([...options.trained, ...statistics]);
  const graph = restored(source, request.shapes, changing);
  const read = taskOutputs(graph, options.task);
  const b = new Builder(graph);
  setOutputs(b, Object.values(read));

  const training = mode === 'train' || mode === 'pullback';
  const asTrained = training || mode === 'vectors';
  const dropout = task.headDropout ? options.dropout : { ...options.dropout, head: 0 };
  if (asTrained) insertDropout(b, Object.values(read)[0]!, dropout, { family: options.family, trained: changing });
  if (asTrained && options.adapterDropout) insertAdapterDropout(b, options.adapterDropout);
  // What is not finite is looked for in the graph that trains.
  const updates = asTrained || mode === 'diagnose' ? useBatchStatistics(b, statistics) : new Map<Value, Value>();
  if (cut && mode === 'trunk') keepBelow(graph, cut);
  else if (cut) {
    setOutputs(b, [...Object.values(read), ...updates.values()]);
    keepAbove(graph, cut);
  }
  const kept = graph.outputs.map(({ name }) => name);
  const fed: GraphValue[] = graph.inputs.map((i) => ({ name: i.name, ...b.type(i.name) }));
  // Before the linear layers are lowered: a loss may gather from its logits, which narrows the head to what it needs of
  // it.
  const attached = attach(b, request, read, options);
  const losses = attached?.loss === undefined ? [] : [attached.loss];
  // What is an output keeps its name below.
  if (attached) setOutputs(b, [...Object.values(attached.results), ...losses, ...updates.values()]);
  fuse(b, { trained: options.trained, kernels: options.kernels, gradients: training });

  const results: Outputs =
    training || mode === 'trunk'
      ? {}
      : attached
        ? { ...(attached.loss !== undefined && { loss: attached.loss }), ...attached.results }
        : read;
  let gradients = new Map<string, string>();
  const forward = [...graph.nodes];
  if (attached) fed.push(...attached.inputs.map((name) => ({ name, ...b.type(name) })));
  if (training) {
    const scale = half ? taskInput(b, lossScaleInput, 'float32', []) : undefined;
    if (scale !== undefined) fed.push({ name: scale, ...b.type(scale) });
    const { value, seed } = attached!.from ?? { value: attached!.loss!, seed: scale };
    gradients = backward(b, value, [...options.trained], { seed });
  }
  setOutputs(b, [
    ...losses,
    ...(training ? [...gradients.values(), ...updates.values()] : []),
    // In the order of the graph, so that the first bad one is found.
    ...(mode === 'diagnose' ? floatValues(graph) : []),
    ...(mode === 'trunk' ? kept : []),
    ...Object.values(results),
  ]);
  prune(graph);
  const parameters = new Set([...changing, ...options.frozen]);
  if (training && options.recompute === 'layers') recomputeLayers(b, { forward, parameters });
  else if (training) recomputeCheap(b, forward);
  if (training) runInTurn(b);
  if (training && half)
    toMixedPrecision(b, half, { loss: attached!.loss!, gradients: new Set(gradients.values()), parameters });
  const work = multiplyAdds(graph);
  lowerFor(b, asTrained ? options : { ...options, precision: 'float32' });
  if (training) scheduleGradientsEarly(graph);
  const bound = bindParameters(graph, fed, { gradients, updates: training ? updates : new Map() }, options);
  return { graph, ...bound, work, loss: attached?.loss, results };
}

/** What a mode computes from the model's outputs; undefined: nothing more. */
function attach(
  b: Builder,
  { mode, fields: shapes }: CompileRequest,
  read: Outputs,
  options: CompileOptions,
): Attached | undefined {
  const { task } = options;
  if (mode === 'predict' || mode === 'trunk') return undefined;
  if (mode === 'vectors') return attachVectors(b, read, task);
  if (mode === 'pullback') return attachPullback(b, read, task);
  const labelSmoothing = mode === 'train' ? options.labelSmoothing : 0;
  return taskNamed(task.name).loss(b, read, { ...task.options, labelSmoothing, shapes });
}

function compileStepLoss({ shapes }: CompileRequest, options: CompileOptions): CompiledGraph {
  const { b, results } = stepLossGraph(options.task, shapes[vectorsInput]!);
  const { graph } = b;
  const fed = graph.inputs.map(({ name }) => ({ name, ...b.type(name) }));
  setOutputs(b, Object.values(results));
  prune(graph);
  const work = multiplyAdds(graph);
  lowerFor(b, { ...options, precision: 'float32' });
  const bound = bindParameters(graph, fed, { gradients: new Map(), updates: new Map() }, options);
  return { graph, ...bound, work, loss: undefined, results };
}

/** What tensors are rounded to between operators. On the CPU they stay float32, and products round what they read. */
const halfTensors = ({ precision = 'float32', target = 'cpu' }: CompileOptions): HalfType | undefined =>
  precision === 'float32' || target === 'cpu' ? undefined : precision;

/** In operators that the device has. */
function lowerFor(b: Builder, { kernels, target = 'cpu', precision }: CompileOptions): void {
  if (target === 'cpu' && precision === 'bfloat16') useOrtuneGemm(b, 'GemmBf16');
  if (kernels.has('ortune.Gemm')) useOrtuneGemm(b, 'Gemm');
  else if (kernels.has('ortune.Transpose')) pretransposeGemm(b);
  if (target === 'cpu') lower(b.graph, kernels);
  else lowerForDevice(b.graph, target);
  dequantiseLate(b);
}

/** The static graph for inputs of certain shapes, in the forms that training works on. */
export function restored(source: Graph, shapes: InputShapes, trained: ReadonlySet<string>): Graph {
  const graph = specialize(source, shapes, { trainable: trained });
  recognisePatterns(graph);
  // What stands in branches that do not run for these shapes has a gradient all the same: zeros.
  for (const name of trained)
    if (!graph.types.has(name)) {
      const { dtype, shape } = source.initializers.get(name)!;
      graph.types.set(name, { dtype, shape });
    }
  return graph;
}

/** The outputs of a graph that its task reads, by the task's names. */
export function taskOutputs(graph: Graph, { name, options }: TaskSpec): Outputs {
  const main = logitsOf(graph);
  const all = graph.outputs.map((output) => output.name);
  return taskNamed(name).outputs?.(options, { main, all }) ?? { logits: main };
}

const floatValues = (graph: Graph): Value[] =>
  graph.nodes.flatMap((n) => n.outputs.filter((o) => o && isFloat(graph.type(o).dtype)));

function setOutputs(b: Builder, values: readonly Value[]): void {
  b.graph.outputs = [...new Set(values)].map((name) => infoOf(b.graph, name));
}

/** Makes inputs of what a session is bound to. */
function bindParameters(
  graph: Graph,
  fed: readonly GraphValue[],
  { gradients, updates }: Pick<Compiled, 'gradients' | 'updates'>,
  options: CompileOptions,
): Omit<Compiled, 'model' | 'work' | 'loss' | 'results'> {
  const boundOutputs = new Set([...gradients.values(), ...updates.values()]);
  const used = (name: string) => graph.initializers.has(name);
  const trained = [...options.trained].filter(used);
  const statistics = [...(options.statistics ?? [])].filter(used);
  const frozen = [...options.frozen].filter(used);
  const inPlace = new Map(
    [...graph.initializers].flatMap(([name, { dtype, shape, held }]) =>
      held ? [[name, { dtype, shape, data: graph.initializers.get(name)!.data() }] as const] : [],
    ),
  );
  // Which the runtime lays out anew; others it reads where they are.
  const packed = new Set(graph.nodes.filter(roundsInside).flatMap((node) => node.inputs.slice(1)));
  const [laidOut, read] = [true, false].map((of) => [...inPlace.keys()].filter((name) => packed.has(name) === of)) as [
    string[],
    string[],
  ];
  // A device keeps one copy for all sessions, in buffers that they are bound to.
  const bindable =
    (options.target ?? 'cpu') === 'cpu' ? unpackedWeights(graph, frozen, options.trained) : new Set(frozen);
  const constants = [...frozen.filter((name) => !bindable.has(name)), ...laidOut];
  const held = [...bindable];
  const types = (name: string): GraphValue => ({ name, ...graph.type(name) });
  const readByNodes = new Set(graph.nodes.flatMap((n) => n.inputs));
  const inputs = fed.filter((i) => readByNodes.has(i.name)).map(({ name }) => types(name));
  const bound = [...trained, ...statistics, ...held, ...read];
  for (const name of bound) graph.initializers.delete(name);
  graph.inputs = [...inputs, ...bound.map(types)].map((v) => ({ ...v, shape: [...v.shape] }));
  return {
    inputs,
    outputs: graph.outputs.map((o) => types(o.name)).filter((o) => !boundOutputs.has(o.name)),
    trained,
    held,
    constants,
    inPlace,
    statistics,
    gradients,
    updates,
  };
}

// What a model file holds and whether its gradients can be derived, without running it.

import { checkHooks, isObject, resolvingKeys } from '../arguments.js';
import { findPaths } from '../autodiff/paths.js';
import { parseOptions } from '../config/options.js';
import { type InspectOptions, inspectSchema } from '../config/schema.js';
import { OrtuneError } from '../errors.js';
import { type ModelArgument, withModel } from '../models/given-model.js';
import type { ResolveOptions } from '../models/hub.js';
import { type DataType, dataTypeFromOnnx, isFloat } from '../onnx/dtype.js';
import { attrInt, type Construct, type Dim, type Graph, operatorKey, type ValueInfo } from '../onnx/graph.js';
import { type JoinedModel, joinModels, openFiles } from '../onnx/join.js';
import { toGraph } from '../onnx/load.js';
import { type Model, opsetOf } from '../onnx/model.js';
import { type Became, judgeGraph } from '../onnx/nominal.js';
import { inlineFunctions } from '../onnx/normalize/inline.js';
import { fileTensors } from '../onnx/save.js';
import { isOfSequences } from '../onnx/specialize/sequences.js';
import { elementCount } from '../onnx/tensor.js';
import { unknownOperators } from '../onnx/unknown.js';
import { refuseApart, taskOfFiles } from '../tasks/of-files.js';
import { taskNamed } from '../tasks/tasks.js';
import { readModelConfig } from '../transfer/config.js';
import { chooseParameters, type ParameterChoice } from '../transfer/parameters.js';
import { storedNames, storedTensors } from '../transfer/stored.js';

export interface InspectedValue {
  name: string;
  dtype: DataType;
  /** A number, a symbolic name or null per axis; null when the file does not say. */
  shape: Dim[] | null;
}

export interface Inspection {
  /** Version of the default operator set the file was written for. */
  opset: number;
  inputs: InspectedValue[];
  outputs: InspectedValue[];
  /** Float tensors of more than one element, their elements, and how many elements training would change. */
  parameters: { tensors: number; elements: number; trainable: number };
  /**
   * Each of those tensors, and those of rounded numbers, in the order of the file, and why it would not be trained
   * where it would not.
   */
  tensors: {
    name: string;
    /** As the module that has it is called, where the file has another name; options know both. */
    alias?: string;
    shape: readonly number[];
    trained: boolean;
    reason?: string;
    /** The weight that it looks as if it was computed of, where the two are trained apart. */
    like?: string;
  }[];
  /** Nodes of the file by operator, local functions and sub-graphs inlined, most frequent first. */
  operators: Record<string, number>;
  /**
   * Nodes between a trainable parameter and a float output whose operator has no gradient rule, and those anywhere
   * whose operator nothing is known of, so that the model is refused.
   */
  undifferentiable: { op: string; node: string }[];
  /** What the nodes with sub-graphs are for the inputs that were tried: 'else_branch', '3 iterations'. */
  control: { op: string; node: string; becomes: string }[];
  /** Inputs of the file that have one value in training, and are not among `inputs`. */
  bound: Record<string, number>;
  /** Why shapes could not be worked out for the inputs that were tried; left out where they could. */
  shapeProblem?: string;
}

/**
 * Inspects a model directory, an .onnx file, their bytes, or a model of the hub.
 * @throws ModelError for a file that cannot be read or that ortune refuses (quantised, damaged, …)
 */
export async function inspectModel(
  path: ModelArgument,
  given: InspectOptions & ResolveOptions = {},
): Promise<Inspection> {
  // functions have a bind of their own
  const { maxGraphMemory, maxDownloadBytes, bind, ...hooks } = isObject(given) ? given : {};
  checkHooks(isObject(given) ? hooks : given, 'inspectModel', resolvingKeys);
  const { onDownload, signal } = hooks;
  const config = parseOptions(inspectSchema, { maxGraphMemory, maxDownloadBytes, bind });
  const resolving = { onDownload, signal, maxDownloadBytes: config.maxDownloadBytes };
  return withModel(path, 'inspectModel: path', resolving, (place) => inspect(place, config));
}

function inspect(path: string, config: { maxGraphMemory: number; bind: string[] }): Inspection {
  const task = taskOfFiles(path);
  const parts = task === undefined ? undefined : taskNamed(task).parts;
  const models = openFiles(path, parts, config);
  const joined = models.length > 1 ? joinModels(parts!, models) : undefined;
  if (joined) refuseApart(joined, task!, readModelConfig(joined.directory));
  const [model, graph] = joined ? [joined, joined.graph] : [models[0]!, toGraph(models[0]!)];
  const became: Became = new Map();
  const shapeProblem = judgeGraph(graph, became);
  // As the file has them: what trains is float32.
  const [inputs, outputs] = [graph.inputs.map(inspectValue), graph.outputs.map(inspectValue)];
  const choice = choiceOf(model, graph);
  const trainable = choice.trainable.map(({ name }) => name);
  const trained = new Set(
    choice.trainable.flatMap(({ name, copies, derived }) => [name, ...copies, ...derived.map((d) => d.name)]),
  );
  const aliases = new Map([
    ...storedNames(graph),
    ...choice.trainable.flatMap(({ name, alias, copies, derived }) =>
      [name, ...copies, ...derived.map((d) => d.name)].map((of) => [of, alias] as const),
    ),
  ]);
  const reasons = new Map([
    ...storedTensors(graph),
    ...choice.leftOut.map(({ name, reason }) => [name, reason] as const),
  ]);
  const apart = new Map(choice.apart.map(({ name, weight }) => [name, weight]));
  const all = [...(joined?.tensors ?? fileTensors(models[0]!))].filter(
    ([name, { dtype, shape }]) => (isFloat(dtype) || reasons.has(name)) && elementCount(shape) > 1,
  );
  const floats = all.filter(([, { dtype }]) => isFloat(dtype));
  const tensors = all.map(([name, { shape }]) => {
    const [alias, reason, like] = [aliases.get(name), reasons.get(name), apart.get(name)];
    return {
      name,
      ...(alias !== undefined && alias !== name && { alias }),
      shape,
      trained: trained.has(name),
      ...(reason !== undefined && { reason }),
      ...(like !== undefined && { like }),
    };
  });
  return {
    opset: opsetOf(models[0]!.proto.opsetImport) ?? 0,
    inputs,
    outputs,
    parameters: {
      tensors: floats.length,
      elements: floats.reduce((n, [, { shape }]) => n + elementCount(shape), 0),
      trainable: trainable.reduce((n, name) => n + graph.initializers.get(name)!.size, 0),
    },
    tensors,
    operators: countOperators(models),
    undifferentiable: undifferentiable(graph, trainable, became),
    bound: Object.fromEntries(graph.bound),
    control: [...became].map(([{ op, name }, becomes]) => ({ op, node: name, becomes })),
    ...(shapeProblem !== undefined && { shapeProblem }),
  };
}

const inspectValue = ({ name, dtype, shape }: ValueInfo): InspectedValue => ({ name, dtype, shape: shape ?? null });

function countOperators(models: readonly Model[]): Record<string, number> {
  const counts = new Map<string, number>();
  const seen = new Set<Construct>();
  for (const { node, construct, added } of models.flatMap(inlineFunctions)) {
    // Several nodes stand for one with sub-graphs.
    if (added || (construct && seen.has(construct))) continue;
    if (construct) seen.add(construct);
    const op = construct?.op ?? operatorKey({ op: node.opType, domain: node.domain === 'ai.onnx' ? '' : node.domain });
    counts.set(op, (counts.get(op) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
}

/** What training would change; nothing of a model that has nothing to train. */
function choiceOf(model: Model | JoinedModel, graph: Graph): ParameterChoice {
  try {
    return chooseParameters(model, graph);
  } catch (error) {
    if (error instanceof OrtuneError) return { trainable: [], frozen: [], leftOut: [], apart: [] };
    throw error;
  }
}

/** Looks for missing rules without shapes: every value counts as float unless a Cast says otherwise. */
function undifferentiable(source: Graph, trainable: readonly string[], became: Became): Inspection['undifferentiable'] {
  const graph = source.clone();
  for (const [name, { dtype, shape }] of graph.initializers) graph.types.set(name, { dtype, shape });
  for (const { name, dtype } of graph.inputs) graph.types.set(name, { dtype, shape: [] });
  for (const node of graph.nodes) {
    const cast = node.op === 'Cast' ? dataTypeFromOnnx(attrInt(node, 'to', 1)) : undefined;
    for (const out of node.outputs) if (out) graph.types.set(out, { dtype: cast ?? 'float32', shape: [] });
  }
  const outputs = graph.outputs.filter(({ name, dtype }) => isFloat(dtype) && graph.types.has(name));
  const { missing } = findPaths(
    graph,
    outputs.map(({ name }) => name),
    trainable,
  );
  const left = missing.filter(({ node }) => !(node.construct ? became.has(node.construct) : isOfSequences(node)));
  const found = new Set([...left.map(({ node }) => node), ...unknownOperators(graph)]);
  const listed = graph.nodes
    .filter((node) => found.has(node))
    .map((node) => ({ op: operatorKey(node), node: node.construct?.name ?? node.name }));
  // The first of each name.
  return [...new Map(listed.toReversed().map((one) => [one.node, one])).values()].toReversed();
}

// Chooses what a training run may change: the float tensors of the file that stand where weights stand and reach the
// logits; freezing takes some out again. Every other float tensor is listed with the reason, since a weight that is
// silently not trained is hard to notice.

import { ModelError, UsageError } from '../errors.js';
import { type DataType, isFloat } from '../onnx/dtype.js';
import { ancestors, type Graph, type Value } from '../onnx/graph.js';
import type { JoinedModel } from '../onnx/join.js';
import type { Model } from '../onnx/model.js';
import { fileTensors } from '../onnx/save.js';
import { elementCount } from '../onnx/tensor.js';
import { mergeCopies } from './copies.js';
import { computeInFloat32 } from './float32.js';
import { Flow } from './flow.js';
import { readableNames } from './names.js';
import { anyPattern, type Named } from './patterns.js';
import { storedTensors } from './stored.js';
import { type Apart, type Derived, tieDerived } from './tied.js';
import { headWeights } from './trunk.js';
import { judgeTensor, kindOf, type Use, type WeightKind } from './weights.js';

/** `name` is the tensor's in the file, `alias` PyTorch's where the exporter changed it, as far as the graph shows. */
export interface Parameter extends Named {
  shape: readonly number[];
  dtype: DataType;
  kind: WeightKind;
  /**
   * Further tensors of the file, or of the model's other files, that hold this same weight (shared layers written out
   * once per use).
   */
  copies: readonly string[];
  /** Those that the exporter made of it: transposed (the output projection tied to an embedding), 1 − w, w / ‖w‖. */
  derived: readonly Derived[];
}

export interface ParameterChoice {
  trainable: Parameter[];
  frozen: Parameter[];
  leftOut: LeftOut[];
  /** Weights that look as if they were one. */
  apart: Apart[];
  /** The 16-bit type that the file computes in, where it does; `graph` computes in float32. */
  computed?: DataType | undefined;
}

/** A float tensor of more than one element that is not trained, and why. */
export interface LeftOut {
  name: string;
  elements: number;
  reason: string;
}

export interface ChooseOptions {
  /** Patterns as patterns.ts has them. */
  freeze?: readonly string[] | undefined;
  /** Patterns over names of tensors that count as weights although they look like constants. */
  trainable?: readonly string[] | undefined;
  /** The outputs that the loss is computed from; default the logits alone. */
  outputs?: readonly Value[] | undefined;
}

/** The output to train on: the one named logits, else the only float output's name. @throws ModelError without one. */
export function logitsOf(graph: Graph): Value {
  const output = graph.outputs.find((o) => o.name === 'logits') ?? graph.outputs.find((o) => isFloat(o.dtype));
  if (!output) throw new ModelError('the model has no float output to train on');
  return output.name;
}

/**
 * The parameters of a normalised graph. Copies of a shared weight are replaced in `graph` by the first of them, so that
 * they stay equal; saving writes the trained weight to each (`copies`). Weights of 16 bits become float32 ones in
 * `graph`, which computes in float32; saving rounds them.
 * @throws UsageError for a pattern that matches nothing and when nothing is left to train.
 */
export function chooseParameters(
  model: Model | JoinedModel,
  graph: Graph,
  { freeze = [], trainable: asked = [], outputs = [logitsOf(graph)] }: ChooseOptions = {},
): ParameterChoice {
  const computed = computeInFloat32(graph);
  const { weights: found, leftOut } = weightsOf(model, graph, outputs, asked);
  const { origins, tensors } = 'parts' in model ? model : { origins: undefined, tensors: undefined };
  const aliases = readableNames(graph, found, (name) => origins?.get(name) ?? name);
  const copies = mergeCopies({ graph, uses: found, partOf: (name) => tensors?.get(name)?.part ?? '' }, aliases);
  const { derived: tied, apart } = tieDerived(graph, aliases.keys());
  for (const { name } of [...tied.values()].flat()) aliases.delete(name);
  const head = new Set(outputs.flatMap((output) => [...headWeights(graph, output, found, aliases)]));
  const parameters = [...aliases].map(([name, alias]): Parameter => {
    const { dtype, shape } = graph.initializers.get(name)!;
    const kind = kindOf(found.get(name)!, shape);
    const [same, derived] = [copies.get(name) ?? [], tied.get(name) ?? []];
    return { name, alias, shape, dtype, kind, head: head.has(name), copies: same, derived };
  });
  if (parameters.length === 0)
    throw new UsageError(
      `${model.path} has no float weight that reaches its output: there is nothing to train` +
        `${storedTensors(graph).size > 0 ? '. All it has are rounded numbers, which are frozen; use the float32 or float16 model' : ''}`,
    );
  const isFrozen = anyPattern('freeze', freeze, parameters);
  const trainable = parameters.filter((p) => !isFrozen(p));
  if (trainable.length === 0)
    throw new UsageError(`freeze ${freeze.join(', ')} leaves none of ${parameters.length} parameters to train`);
  return { trainable, frozen: parameters.filter(isFrozen), leftOut, apart, ...(computed && { computed }) };
}

/**
 * Where each weight of the file is used on the way to `outputs`, and the float tensors that are none.
 * @param asked patterns over names of tensors that count as weights whatever they look like
 * @throws UsageError for a pattern that matches no tensor which derivatives reach
 */
export function weightsOf(
  model: Model | JoinedModel,
  graph: Graph,
  outputs: readonly Value[],
  asked: readonly string[] = [],
): { weights: Map<string, Use[]>; leftOut: LeftOut[] } {
  const flow = new Flow(graph, outputs);
  const reached = new Set([...outputs, ...[...ancestors(graph, outputs)].flatMap(({ inputs }) => inputs)]);
  const { origins, tensors } = 'parts' in model ? model : { origins: undefined, tensors: fileTensors(model) };
  const judged = [...tensors].flatMap(([name, { dtype, shape, where }]) => {
    if (!isFloat(dtype)) return [];
    const inFile = origins?.get(name) ?? name;
    const reaches = graph.initializers.has(name) && reached.has(name);
    const judgement = reaches
      ? judgeTensor(graph, flow, { name, inFile, constant: where === 'constant' })
      : { uses: [], constant: `does not reach the output '${outputs.join("' or '")}'` };
    return [{ name, alias: inFile, head: false, elements: elementCount(shape), ...judgement }];
  });
  const reachable = judged.filter(({ uses }) => uses.length > 0);
  const isAsked = anyPattern('trainable', asked, reachable);
  const isWeight = (tensor: (typeof judged)[number]): boolean =>
    tensor.constant === undefined || (tensor.uses.length > 0 && isAsked(tensor));
  return {
    weights: new Map(judged.filter(isWeight).map(({ name, uses }) => [name, uses])),
    leftOut: judged
      .filter((tensor) => !isWeight(tensor) && tensor.elements > 1)
      .map(({ name, elements, constant }) => ({ name, elements, reason: constant! })),
  };
}

/** What to say where more than a thousandth of the float elements is not trained, freezing apart; else undefined. */
export function leftOutNote({ trainable, frozen, leftOut }: ParameterChoice): string | undefined {
  const left = leftOut.reduce((n, { elements }) => n + elements, 0);
  const all = [...trainable, ...frozen].reduce((n, { shape }) => n + elementCount(shape), left);
  if (left <= all / 1000) return undefined;
  const share = ((100 * left) / all).toFixed(left < all / 100 ? 2 : 1);
  return (
    `${share} % of the model's float elements (${left} of ${all}) are taken for constants or not reached, and stay as they ` +
    'are; `ortune inspect` says why, and the option trainable takes tensors in'
  );
}

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
import { readableNames } from './names.js';
import { anyPattern, type Named } from './patterns.js';
import { tieTransposed } from './tied.js';
import { headWeights } from './trunk.js';
import { kindOf, type Use, type WeightKind, weightUses } from './weights.js';
import { widenStoredWeights } from './widen.js';

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
  /** Those that hold it transposed (the output projection tied to an embedding). */
  transposedCopies: readonly string[];
}

export interface ParameterChoice {
  trainable: Parameter[];
  frozen: Parameter[];
  /** Float tensors of more than one element that are not trained, and why. */
  leftOut: { name: string; reason: string }[];
}

export interface ChooseOptions {
  /** Patterns as patterns.ts has them. */
  freeze?: readonly string[] | undefined;
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
 * they stay equal; saving writes the trained weight to each (`copies`). Weights that are only stored in 16 bits become
 * float32 ones in `graph`; saving rounds them.
 * @throws UsageError for a pattern that matches nothing and when nothing is left to train.
 */
export function chooseParameters(
  model: Model | JoinedModel,
  graph: Graph,
  { freeze = [], outputs = [logitsOf(graph)] }: ChooseOptions = {},
): ParameterChoice {
  widenStoredWeights(graph);
  const { weights: found, leftOut } = weightsOf(model, graph, outputs);
  const { origins, tensors } = 'parts' in model ? model : { origins: undefined, tensors: undefined };
  const aliases = readableNames(graph, found, (name) => origins?.get(name) ?? name);
  const copies = mergeCopies({ graph, uses: found, partOf: (name) => tensors?.get(name)?.part ?? '' }, aliases);
  const tied = tieTransposed(graph, aliases.keys());
  for (const name of [...tied.values()].flat()) aliases.delete(name);
  const head = new Set(outputs.flatMap((output) => [...headWeights(graph, output, found, aliases)]));
  const parameters = [...aliases].map(([name, alias]): Parameter => {
    const { dtype, shape } = graph.initializers.get(name)!;
    const kind = kindOf(found.get(name)!, shape);
    const [same, transposedCopies] = [copies.get(name) ?? [], tied.get(name) ?? []];
    return { name, alias, shape, dtype, kind, head: head.has(name), copies: same, transposedCopies };
  });
  if (parameters.length === 0)
    throw new UsageError(`${model.path} has no float weight that reaches its output: there is nothing to train`);
  const isFrozen = anyPattern('freeze', freeze, parameters);
  const trainable = parameters.filter((p) => !isFrozen(p));
  if (trainable.length === 0)
    throw new UsageError(`freeze ${freeze.join(', ')} leaves none of ${parameters.length} parameters to train`);
  return { trainable, frozen: parameters.filter(isFrozen), leftOut };
}

/** Where each weight of the file is used on the way to `outputs`, and the float tensors that are none. */
export function weightsOf(
  model: Model | JoinedModel,
  graph: Graph,
  outputs: readonly Value[],
): { weights: Map<string, Use[]>; leftOut: ParameterChoice['leftOut'] } {
  const consumers = graph.consumers();
  const reached = new Set([...outputs, ...[...ancestors(graph, outputs)].flatMap(({ inputs }) => inputs)]);
  const leftOut: ParameterChoice['leftOut'] = [];
  const weights = new Map<string, Use[]>();
  for (const [name, { dtype, shape }] of 'parts' in model ? model.tensors : fileTensors(model)) {
    if (!isFloat(dtype)) continue;
    const uses =
      !graph.initializers.has(name) || !reached.has(name)
        ? `does not reach the output '${outputs.join("' or '")}'`
        : weightUses(graph, consumers, name);
    if (typeof uses !== 'string') weights.set(name, uses);
    else if (elementCount(shape) > 1) leftOut.push({ name, reason: uses });
  }
  return { weights, leftOut };
}

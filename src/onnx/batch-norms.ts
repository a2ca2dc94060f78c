// BatchNormalization nodes of a file as ortune takes and saves them: in inference form, each with tensors of its own.
// Exports made in training mode say so by more outputs and by training_mode; whether training uses the statistics of the
// batch is an option of the run, and who runs the saved file wants those it holds. And exporters write equal tensors once:
// in a model fresh from its constructor all scales and variances are 1, all biases and means 0, so that one tensor may be
// scale and variance of every layer. Trained as one they would be another model.

import { clone, create } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import { decodeTensor } from './decode.js';
import { isFloat } from './dtype.js';
import { freeName, graphOf, type Model, nodeLabel, operatorName } from './model.js';
import {
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from './onnx_pb.js';
import type { Tensor } from './tensor.js';

/** What PyTorch calls the inputs of a BatchNormalization. */
const roles = ['', 'weight', 'bias', 'running_mean', 'running_var'];
const [meanInput, varianceInput] = [3, 4];

const isBatchNorm = (node: NodeProto): boolean => operatorName(node.opType, node.domain) === 'BatchNormalization';

/** Changes the model's graph in place. @throws ModelError where a node reads the statistics of a training batch */
export function restoreBatchNorms(model: Model): void {
  const { node: nodes } = graphOf(model);
  if (![...nodes, ...model.proto.functions.flatMap((f) => f.node)].some(isBatchNorm)) return;
  graphOf(model).node = inInferenceForm(
    nodes,
    graphOf(model).output.map((o) => o.name),
    model,
  );
  for (const f of model.proto.functions) f.node = inInferenceForm(f.node, f.output, model);
  nameApart(model);
  splitMerged(model);
}

/**
 * Outputs 1 and 2, the new running averages, are the old ones in inference; 3 and 4, the statistics of the batch until
 * opset 14, are not there.
 */
function inInferenceForm(nodes: readonly NodeProto[], outputs: readonly string[], model: Model): NodeProto[] {
  const read = new Set([...outputs, ...nodes.flatMap((n) => n.input)]);
  return nodes.flatMap((node) => {
    if (!isBatchNorm(node)) return [node];
    const [y = '', ...statistics] = node.output;
    const kept = statistics.flatMap((value, i) => {
      if (!value || !read.has(value)) return [];
      const input = node.input[[meanInput, varianceInput][i] ?? node.input.length];
      if (input !== undefined)
        return [create(NodeProtoSchema, { opType: 'Identity', input: [input], output: [value] })];
      throw new ModelError(
        `${model.path}: '${value}', the statistics of a batch, is read from BatchNormalization node ${nodeLabel(node)}, ` +
          'which has none outside training. Export the model in evaluation mode.',
      );
    });
    const attribute = node.attribute.filter(({ name }) => name !== 'training_mode');
    return [...kept, Object.assign(create(NodeProtoSchema), node, { output: [y], attribute })];
  });
}

/**
 * TorchScript writes equal tensors once and keeps the other names by an Identity each: where a BatchNormalization reads
 * one of them, each name is a tensor again.
 */
function nameApart(model: Model): void {
  const graph = graphOf(model);
  const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const outputs = new Set(graph.output.map(({ name }) => name));
  const source = (node: NodeProto): TensorProto | undefined =>
    operatorName(node.opType, node.domain) === 'Identity' && !outputs.has(node.output[0]!)
      ? tensors.get(node.input[0]!)
      : undefined;
  const sources = new Map(
    graph.node.flatMap((node) => {
      const tensor = source(node);
      return tensor ? [[node.output[0]!, tensor] as const] : [];
    }),
  );
  const merged = new Set(
    graph.node.filter(isBatchNorm).flatMap((n) => n.input.slice(1).map((x) => sources.get(x) ?? tensors.get(x))),
  );
  graph.node = graph.node.filter((node) => {
    const tensor = source(node);
    if (!tensor || !merged.has(tensor) || !isUniform(tensor, model)) return true;
    addTensor(model, tensor, node.output[0]!);
    return false;
  });
}

/**
 * Other exporters leave one name. A tensor was merged if it is read in several roles, or if no equal one is left: who
 * merges by value leaves none. Else its readers share it as they did in the model, such as a module that is applied twice.
 */
function splitMerged(model: Model): void {
  const graph = graphOf(model);
  const readers = new Map<string, { node: NodeProto; input: number }[]>();
  for (const node of graph.node)
    for (const [input, x] of node.input.entries()) readers.set(x, [...(readers.get(x) ?? []), { node, input }]);
  const read = new Set(graph.node.filter(isBatchNorm).flatMap((n) => n.input.slice(1)));
  const uniform = graph.initializer.filter((tensor) => read.has(tensor.name) && isUniform(tensor, model));
  const equals = new Map<string, number>();
  for (const tensor of uniform) equals.set(keyOf(tensor, model), (equals.get(keyOf(tensor, model)) ?? 0) + 1);
  for (const tensor of uniform) {
    const all = readers.get(tensor.name)!;
    const own = all.filter(({ node }) => isBatchNorm(node));
    const severalRoles = own.length < all.length || new Set(own.map(({ input }) => input)).size > 1;
    if (all.length < 2 || !(severalRoles || equals.get(keyOf(tensor, model)) === 1)) continue;
    const layer = tensor.name.replace(/\.(weight|bias|running_mean|running_var)$/, '');
    // What else reads the tensor keeps it; else the first layer does.
    for (const { node, input } of own.length < all.length ? own : own.slice(1)) {
      const name = freeName(graph, `${layer}.${roles[input]!}`);
      addTensor(model, tensor, name);
      node.input = node.input.with(input, name);
    }
  }
}

const decoded = (tensor: TensorProto, model: Model): Tensor =>
  decodeTensor(tensor, `initializer '${tensor.name}'`, model);

/** A vector of floats that is one number all over, as before any training. */
function isUniform(proto: TensorProto, model: Model): boolean {
  const tensor = decoded(proto, model);
  if (!isFloat(tensor.dtype) || tensor.shape.length !== 1) return false;
  const values = tensor.data();
  return values.every((value) => value === values[0]);
}

/** Alike for uniform vectors that are equal. */
function keyOf(proto: TensorProto, model: Model): string {
  const tensor = decoded(proto, model);
  return `${tensor.dtype} [${tensor.shape}] ${tensor.data()[0]}`;
}

/** The same tensor again under another name; among the inputs too where the file has initializers there. */
function addTensor(model: Model, tensor: TensorProto, name: string): void {
  const graph = graphOf(model);
  graph.initializer.push(Object.assign(create(TensorProtoSchema), tensor, { name }));
  const input = graph.input.find((i) => i.name === tensor.name);
  if (input) graph.input.push(Object.assign(clone(ValueInfoProtoSchema, input), { name }));
}

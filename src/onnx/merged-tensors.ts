// Tensors of BatchNormalization that an exporter merged, apart again. Exporters write equal tensors once: in a model
// fresh from its constructor all scales and variances are 1, all biases and means 0, so that one tensor may be scale
// and variance of every layer. Trained as one they would be another model, and a scale that is a variance too would not
// be trained at all.

import { clone, create } from '@bufbuild/protobuf';
import { quote } from '../quote.js';
import { decodeTensor } from './decode.js';
import { isFloat } from './dtype.js';
import { freeName, graphOf, isBatchNorm, type Model, operatorName } from './model.js';
import { type NodeProto, type TensorProto, TensorProtoSchema, ValueInfoProtoSchema } from './onnx_pb.js';
import type { Tensor } from './tensor.js';

/** What PyTorch calls the inputs of a BatchNormalization. */
const roles = ['', 'weight', 'bias', 'running_mean', 'running_var'];

/** Gives every layer of the model's graph its own tensors, in place. */
export function separateTensors(model: Model): void {
  if (!graphOf(model).node.some(isBatchNorm)) return;
  nameApart(model);
  splitMerged(model);
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
 * merges by value leaves none. Else its readers share it as they did in the model, such as a module that is applied
 * twice.
 */
function splitMerged(model: Model): void {
  const graph = graphOf(model);
  const readers = new Map<string, { node: NodeProto; input: number }[]>();
  for (const node of graph.node)
    for (const [input, x] of node.input.entries()) {
      const known = readers.get(x);
      if (known) known.push({ node, input });
      else readers.set(x, [{ node, input }]);
    }
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
  decodeTensor(tensor, `initializer ${quote(tensor.name)}`, model);

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

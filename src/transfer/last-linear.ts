// The linear layer that computes the logits in the file's own graph: found from the output backwards, whether the
// exporter wrote Gemm or MatMul and Add, and redrawn for another number of classes.

import { create } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import { type DataType, dataTypeFromOnnx } from '../onnx/dtype.js';
import { attributeOf, graphOf, type Model, nodeLabel, operatorName } from '../onnx/model.js';
import { type NodeProto, NodeProtoSchema, type TensorProto } from '../onnx/onnx_pb.js';
import { drawn, freeName, zeros } from './surgery.js';

export interface LastLinear {
  /** Number of classes now. */
  size: number;
  weight: string;
  bias: string | undefined;
  /** Shape of the weight with `null` for the classes. */
  weightShape: (number | null)[];
  dtype: DataType;
  /** Values whose last axis is the classes. */
  values: string[];
}

/** @throws ModelError when the logits do not come from a linear layer with constant weights. */
export function findLastLinear(model: Model, logits: string): LastLinear {
  const graph = graphOf(model);
  const producers = new Map(graph.node.flatMap((node) => node.output.map((out) => [out, node] as const)));
  const tensors = constants(model);
  const values: string[] = [];
  let bias: string | undefined;
  let value = logits;
  for (;;) {
    const node = producers.get(value);
    values.push(value);
    const op = node && operatorName(node.opType, node.domain);
    if (node && (op === 'Identity' || op === 'Cast' || op === 'Dropout')) value = node.input[0]!;
    else if (node && op === 'Add' && bias === undefined && node.input.some((input) => tensors.has(input))) {
      bias = node.input.find((input) => tensors.has(input))!;
      value = node.input.find((input) => input !== bias)!;
    } else if (node && (op === 'Gemm' || op === 'MatMul')) {
      const found = weightOf(node, producers, tensors);
      if (!found) break;
      const classes = bias ?? (op === 'Gemm' && node.input[2] ? node.input[2] : undefined);
      return { ...found, bias: classes, values };
    } else break;
  }
  const node = producers.get(value);
  throw new ModelError(
    `${model.path}: the head cannot be replaced: '${logits}' should come from a linear layer, found ` +
      `${node ? `${node.opType} ${nodeLabel(node)}` : `'${value}'`}. Export the model without its head (feature extraction).`,
  );
}

function weightOf(node: NodeProto, producers: Map<string, NodeProto>, tensors: Map<string, TensorProto>) {
  let name = node.input[1]!;
  let transposed = Number(attributeOf(node, 'transB')?.i ?? 0) === 1;
  const before = producers.get(name);
  if (before?.opType === 'Transpose' && tensors.has(before.input[0]!)) {
    name = before.input[0]!;
    transposed = !transposed;
  }
  const tensor = tensors.get(name);
  const dtype = tensor && dataTypeFromOnnx(tensor.dataType);
  if (tensor?.dims.length !== 2 || !dtype) return undefined;
  const [rows, columns] = tensor.dims.map(Number) as [number, number];
  return {
    size: transposed ? rows : columns,
    weight: name,
    weightShape: transposed ? [null, columns] : [rows, null],
    dtype,
  };
}

/** Tensors by name: initializers and the values of Constant nodes. */
function constants(model: Model): Map<string, TensorProto> {
  const { initializer, node } = graphOf(model);
  const tensors = new Map(initializer.map((tensor) => [tensor.name, tensor]));
  for (const n of node) {
    const tensor = n.opType === 'Constant' ? attributeOf(n, 'value')?.t : undefined;
    if (tensor) tensors.set(n.output[0]!, tensor);
  }
  return tensors;
}

/** Draws the layer anew, in place: normal weights, zero bias. Tensors that others read too are left to them. */
export function replaceLastLinear(
  model: Model,
  linear: LastLinear,
  { labels, seed, deviation }: { labels: number; seed: number; deviation: number },
): void {
  const shape = linear.weightShape.map((d) => d ?? labels);
  replaceTensor(model, linear.weight, linear.values, (name) => drawn(name, linear.dtype, shape, seed, 0, deviation));
  if (linear.bias !== undefined)
    replaceTensor(model, linear.bias, linear.values, (name) => zeros(name, linear.dtype, labels));
}

/** Puts another tensor in the place of `name` for the nodes that lead to `values`. */
function replaceTensor(model: Model, name: string, values: string[], make: (name: string) => TensorProto): void {
  const graph = graphOf(model);
  const readers = graph.node.filter((node) => node.input.includes(name));
  const shared = readers.length > 1;
  const fresh = shared ? freeName(graph, `${name}.new`) : name;
  if (!shared) {
    graph.initializer = graph.initializer.filter((tensor) => tensor.name !== name);
    graph.node = graph.node.filter((node) => !(node.opType === 'Constant' && node.output[0] === name));
  }
  graph.initializer.push(make(fresh));
  if (!shared) return;
  graph.node = graph.node.map((node) =>
    readers.includes(node) && node.output.some((out) => values.includes(out))
      ? Object.assign(create(NodeProtoSchema), node, { input: node.input.map((i) => (i === name ? fresh : i)) })
      : node,
  );
}

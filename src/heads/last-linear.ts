// The linear layers that compute the logits in the file's own graph: found from the output backwards, whether the
// exporter wrote Gemm or MatMul and Add, and redrawn for another number of classes. Mostly there is one; a distilled
// transformer (DeiT) has the mean of two, and a network may score every place by a convolution and take the mean
// (SqueezeNet).

import { create } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import { type Constant, FileGraph, type Linear } from '../onnx/file/file-graph.js';
import { drawn, freeName, zeros } from '../onnx/file/surgery.js';
import { graphOf, type Model, nodeLabel, operatorName } from '../onnx/model.js';
import { type GraphProto, type NodeProto, NodeProtoSchema, type TensorProto } from '../onnx/onnx_pb.js';
import { traitsOfOperator } from '../onnx/operators.js';
import { quote } from '../quote.js';

export interface LastLinear extends Linear {
  /** Values with an axis of classes: the logits and those that lead to them. */
  values: string[];
}

/**
 * The linear layer with constant weights that computes a value, behind casts and a bias; undefined where there is none.
 */
export function lastLinear(graph: FileGraph, logits: string): LastLinear | undefined {
  const found = walk(graph, logits);
  return 'inputs' in found ? found : undefined;
}

/**
 * @throws ModelError when the logits come neither from a linear layer nor from a form that the comment at
 * the top of this file lists.
 */
export function findLastLayers(model: Model, logits: string): LastLinear[] {
  const graph = new FileGraph(graphOf(model));
  return pooledScores(graph, logits) ?? meanOfTwo(graph, logits) ?? [findLastLinear(model, logits)];
}

/** Operators between scores for every place and their mean. */
function leadsToMean({ opType, domain }: NodeProto): boolean {
  const { view, averages } = traitsOfOperator(operatorName(opType, domain));
  return !!(view || averages) || ['Relu', 'Dropout', 'Identity'].includes(opType);
}

/** A convolution of one place whose outputs are averaged. */
function pooledScores(graph: FileGraph, logits: string): LastLinear[] | undefined {
  const values: string[] = [];
  for (let value = logits; ; ) {
    const node = graph.producer(value);
    values.push(value);
    if (!node) return undefined;
    const layer = values.length > 1 ? graph.pointwise(node) : undefined;
    if (layer) return [{ ...layer, values }];
    if (!leadsToMean(node)) return undefined;
    value = node.input[0]!;
  }
}

/** (a + b) / 2, or times one half, of two linear layers. */
function meanOfTwo(graph: FileGraph, logits: string): LastLinear[] | undefined {
  const scale = graph.producer(logits);
  if (!scale || !['Div', 'Mul'].includes(scale.opType)) return undefined;
  const value = scale.input.find((input) => !graph.constant(input));
  const sum = value === undefined ? undefined : graph.producer(value);
  if (sum?.opType !== 'Add') return undefined;
  const layers = sum.input.map((input) => lastLinear(graph, input));
  if (layers.some((layer) => !layer)) return undefined;
  return layers.map((layer, i) => ({
    ...layer!,
    values: i === 0 ? [logits, value!, ...layer!.values] : layer!.values,
  }));
}

/** @throws ModelError when the logits do not come from a linear layer with constant weights. */
export function findLastLinear(model: Model, logits: string): LastLinear {
  const graph = new FileGraph(graphOf(model));
  const found = walk(graph, logits);
  if ('inputs' in found) return found;
  const node = graph.producer(found.value);
  refuseProbabilities(model, logits);
  const what = node ? `${node.opType} ${nodeLabel(node)}` : quote(found.value);
  throw new ModelError(
    `${model.path}: the head cannot be replaced: ${quote(logits)} should come from a linear layer, found ${what}. ` +
      'Export the model without its head (feature extraction).',
  );
}

/** @throws ModelError where the output holds probabilities, which a loss would take for logits */
export function refuseProbabilities(model: Model, output: string): void {
  const graph = new FileGraph(graphOf(model));
  let node = graph.producer(output);
  while (node && ['Identity', 'Cast', 'Dropout'].includes(node.opType)) node = graph.producer(node.input[0]!);
  if (node && ['Softmax', 'LogSoftmax', 'Sigmoid'].includes(node.opType))
    throw new ModelError(
      `${model.path}: output ${quote(output)} comes from ${node.opType} ${nodeLabel(node)}, and a loss takes the logits before it. Export the model without it.`,
    );
}

/** The layer, or the value at which the walk from the logits ended without one. */
function walk(graph: FileGraph, logits: string): LastLinear | { value: string } {
  const values: string[] = [];
  let bias: Constant | undefined;
  let value = logits;
  for (;;) {
    const node = graph.producer(value);
    values.push(value);
    const op = node && operatorName(node.opType, node.domain);
    const linear = node && graph.linear(node);
    if (linear) return { ...linear, bias: bias ?? linear.bias, values };
    if (node && (op === 'Identity' || op === 'Cast' || op === 'Dropout')) value = node.input[0]!;
    else if (node && op === 'Add' && bias === undefined && node.input.some((input) => graph.constant(input))) {
      const at = graph.constant(node.input[0]!) ? 0 : 1;
      bias = graph.constant(node.input[at]!);
      value = node.input[1 - at]!;
    } else return { value };
  }
}

export interface RedrawOptions {
  labels: number;
  seed: number;
  /** Number of the layer among those that are drawn; default 0. */
  stream?: number;
  deviation: number;
}

/**
 * Draws the layer anew, in place: normal weights, zero bias. Tensors that others read too are left to them.
 * @throws ModelError when something else reads the weight or bias behind the same cast or transpose
 */
export function replaceLastLinear(
  model: Model,
  { weight, bias, values, outFirst, inputs }: LastLinear,
  { labels, seed, stream = 0, deviation }: RedrawOptions,
): void {
  const places = weight.shape.slice(2);
  const shape = [...(outFirst ? [labels, inputs] : [inputs, labels]), ...places];
  replaceTensor(model, weight, values, (name) => drawn(name, weight.dtype, shape, seed, stream, deviation));
  if (bias) replaceTensor(model, bias, values, (name) => zeros(name, bias.dtype, labels));
}

/** Puts another tensor in the place of one for the nodes that lead to `values`. */
function replaceTensor(
  model: Model,
  { name, values: own }: Constant,
  values: readonly string[],
  make: (name: string) => TensorProto,
): void {
  const graph = graphOf(model);
  const file = new FileGraph(graph);
  const twice = own.find((value) => file.readers(value).length > 1);
  if (twice !== undefined)
    throw new ModelError(
      `${model.path}: the head cannot be replaced: more than the last layer reads its weight ${quote(name)} (as ${quote(twice)}). ` +
        'Export the model without its head (feature extraction).',
    );
  const readers = file.readers(name);
  const mine = readers.filter((node) => node.output.some((out) => values.includes(out) || own.includes(out)));
  if (mine.length === readers.length) dropTensor(graph, name);
  const fresh = freeName(graph, mine.length === readers.length ? name : `${name}.new`);
  graph.initializer.push(make(fresh));
  graph.node = graph.node.map((node) =>
    mine.includes(node)
      ? Object.assign(create(NodeProtoSchema), node, { input: node.input.map((i) => (i === name ? fresh : i)) })
      : node,
  );
  graph.valueInfo = graph.valueInfo.filter((info) => !own.includes(info.name));
}

function dropTensor(graph: GraphProto, name: string): void {
  graph.initializer = graph.initializer.filter((tensor) => tensor.name !== name);
  // Where old exports state weights too.
  graph.input = graph.input.filter((input) => input.name !== name);
  graph.node = graph.node.filter((node) => !(node.opType === 'Constant' && node.output[0] === name));
}

// Readable names of tensors that an exporter renamed. TorchScript calls transposed weights onnx::MatMul_338, the dynamo
// exporter val_83; both keep the bias, which is added to the product, and TorchScript keeps the module's path in the
// node's name. Names are for people and for patterns: nothing is decided by them but which copies are one weight.

import type { Graph, Node, Value } from '../onnx/graph.js';
import type { Use } from './weights.js';

/** A name as PyTorch gives parameters: words joined by dots. */
const isReadable = (name: string): boolean => /^\w+(\.\w+)+$/.test(name);

/** name → readable name, in the order of `weights`. */
export function readableNames(graph: Graph, weights: ReadonlyMap<string, readonly Use[]>): Map<string, string> {
  const consumers = graph.consumers();
  return new Map(
    [...weights].map(([name, [use]]) => [
      name,
      isReadable(name) ? name : (fromBias(graph, consumers, use!) ?? fromPath(use!) ?? name),
    ]),
  );
}

/** MatMul(x, W) + layer.bias: W is layer.weight. */
function fromBias(graph: Graph, consumers: Map<Value, Node[]>, { node, role }: Use): string | undefined {
  if (role !== 'weight' || node.op !== 'MatMul') return undefined;
  const [reader] = consumers.get(node.outputs[0]!) ?? [];
  if (reader?.op !== 'Add') return undefined;
  const bias = reader.inputs.find((input) => graph.initializers.has(input));
  return bias && isReadable(bias) && bias.endsWith('.bias') ? bias.replace(/bias$/, 'weight') : undefined;
}

/** /encoder/layer.0/query/MatMul → encoder.layer.0.query.weight */
function fromPath({ node, role }: Use): string | undefined {
  const path = node.name.split('/').slice(1, -1);
  return path.length > 0 ? [...path, role].join('.') : undefined;
}

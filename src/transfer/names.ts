// Readable names of tensors that an exporter renamed. TorchScript calls transposed weights onnx::MatMul_338, the dynamo
// exporter val_83; both keep the bias, which is added to the product, and TorchScript keeps the module's path in the
// node's name. Names are for people and for patterns: nothing is decided by them but which copies are one weight.

import type { Graph, Node, Value } from '../onnx/graph.js';
import { traitsOf } from '../onnx/operators.js';
import type { Use } from './weights.js';

/** A name as PyTorch gives parameters: words joined by dots. */
export const isReadable = (name: string): boolean => /^\w+(\.\w+)+$/.test(name);

/** What a tensor was called before Optimum merged two decoders into one file. */
export const beforeMerge = (name: string): string => name.replace(/_merged_\d+$/, '');

/**
 * name → readable name, in the order of `weights`.
 * @param inFile what a tensor or a node of the graph is called in its file, where the graph is joined of several
 */
export function readableNames(
  graph: Graph,
  weights: ReadonlyMap<string, readonly Use[]>,
  inFile: (name: string) => string = (name) => name,
): Map<string, string> {
  const consumers = graph.consumers();
  return new Map(
    [...weights].map(([name, [use]]) => {
      const own = beforeMerge(inFile(name));
      return [
        name,
        isReadable(own) ? own : (fromBias(graph, consumers, use!, inFile) ?? fromPath(use!, inFile) ?? own),
      ];
    }),
  );
}

/** MatMul(x, W) + layer.bias: W is layer.weight. */
function fromBias(
  graph: Graph,
  consumers: Map<Value, Node[]>,
  { node, role }: Use,
  inFile: (name: string) => string,
): string | undefined {
  if (role !== 'weight' || node.op !== 'MatMul') return undefined;
  const [reader] = consumers.get(node.outputs[0]!) ?? [];
  if (reader?.op !== 'Add') return undefined;
  const value = reader.inputs.find((input) => graph.initializers.has(input));
  const bias = value && beforeMerge(inFile(value));
  return bias && isReadable(bias) && bias.endsWith('.bias') ? bias.replace(/bias$/, 'weight') : undefined;
}

/** /encoder/layer.0/query/MatMul → encoder.layer.0.query.weight; /rnn/LSTM_1 → rnn.weight_ih_l1 */
function fromPath({ node, role, input }: Use, inFile: (name: string) => string): string | undefined {
  const name = inFile(node.name);
  const path = modulePath(name);
  const part = traitsOf(node).weights?.[input]?.part;
  const last = part === undefined ? role : part + (/_(\d+)$/.exec(name)?.[1] ?? '0');
  return path ? `${path}.${last}` : undefined;
}

/** Of the module that a node belongs to, as TorchScript writes it: /encoder/query/MatMul → encoder.query */
export const modulePath = (node: string): string => node.split('/').slice(1, -1).join('.');

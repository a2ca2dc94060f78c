// Which operands of an operator are weights: tensors that were learned, as against numbers of the arithmetic (√d,
// masks, epsilons). Exporters rename tensors, so position in the graph decides, not the name.

import { types } from 'node:util';
import { type Graph, type Node, operatorKey, type Value } from '../onnx/graph.js';
import { type Role, traitsOf } from '../onnx/operators.js';
import type { Tensor } from '../onnx/tensor.js';
import { quote } from '../quote.js';

/** Whether a weight may go through a node that reads it as `value`: the node only arranges or casts what it reads. */
function passesOn(node: Node, value: Value): boolean {
  const { moves } = traitsOf(node);
  if (moves === 'joins') return true;
  return (node.op === 'Cast' || (moves !== undefined && moves !== 'picks')) && node.inputs.indexOf(value) === 0;
}

export interface Use {
  role: Role;
  node: Node;
}

/** What a weight does to what it meets: mixes channels (or is looked up), scales them, or is added to them. */
export type WeightKind = 'matrix' | 'scale' | 'bias';

/** By how the weight is used, first use first; a table that is added (positions) is a matrix. */
export function kindOf([use]: readonly Use[], shape: readonly number[]): WeightKind {
  const { role, node } = use!;
  if (role === 'bias') return shape.filter((d) => d > 1).length > 1 ? 'matrix' : 'bias';
  return node.op === 'Mul' || node.op.endsWith('Normalization') ? 'scale' : 'matrix';
}

/**
 * The nodes that compute with a tensor, behind what only arranges or casts it: depth first, in the order of the graph.
 */
function readersOf(consumers: Map<Value, Node[]>, name: Value): { node: Node; input: number }[] {
  const readers: { node: Node; input: number }[] = [];
  const seen = new Set([name]);
  const waiting = (consumers.get(name) ?? []).map((node) => ({ node, value: name })).reverse();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { node, value } = next;
    if (traitsOf(node).measures) continue;
    if (!passesOn(node, value)) {
      for (const [input, x] of node.inputs.entries()) if (x === value) readers.push({ node, input });
      continue;
    }
    const further = node.outputs.filter((out) => out !== '' && !seen.has(out));
    for (const out of further) seen.add(out);
    const behind = further.flatMap((value) => (consumers.get(value) ?? []).map((node) => ({ node, value })));
    waiting.push(...behind.reverse());
  }
  return readers;
}

/** Where a tensor is used as a weight, or why it is none. */
export function weightUses(graph: Graph, consumers: Map<Value, Node[]>, name: Value): Use[] | string {
  const tensor = graph.initializers.get(name)!;
  const readers = readersOf(consumers, name);
  if (readers.length === 0) return 'nothing reads it';
  const uses: Use[] = [];
  for (const { node, input } of readers) {
    const op = operatorKey(node);
    const { statistics, weights } = traitsOf(node);
    const measured = statistics?.[input];
    if (measured)
      return `${op} ${quote(node.name)} reads it as ${measured} of its channels: statistics are not trained`;
    const position = weights?.[input];
    if (!position || (position.matrix && tensor.shape.length < 2))
      return `${op} ${quote(node.name)} reads it as input ${input}, which holds no weight`;
    if (position.plain !== undefined && tensor.numbers().every((v) => v === position.plain))
      return `${op} ${quote(node.name)} has it at ${position.plain} all over: a normalisation without weights`;
    uses.push({ role: position.role, node });
  }
  if (tensor.size === 1 && (tensor.shape.length === 0 || uses.some(({ node }) => traitsOf(node).takesNumbers)))
    return 'a number';
  return uses.some(({ node }) => node.op === 'Add' || node.op === 'Mul' || node.op === 'Sub') && isTable(tensor)
    ? 'a table of constants (mask or positions) that is added or multiplied'
    : uses;
}

/** Values that no training would leave: all 1, or 0 and one other number over several axes, or as large as a mask. */
function isTable(tensor: Tensor): boolean {
  if (tensor.shape.filter((d) => d > 1).length < 2 || !types.isFloat32Array(tensor.data())) return false;
  const data = tensor.data() as Float32Array;
  const other = data.find((x) => x !== 0) ?? 0;
  const plain = data.every((x) => x === 0 || x === other) && (other === 1 || data.includes(0));
  return plain || data.some((x) => !(Math.abs(x) < 1e4));
}

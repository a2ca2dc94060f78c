// Which operands of an operator are weights: tensors that were learned, as against numbers of the arithmetic (√d,
// masks, epsilons). Exporters rename tensors, so position in the graph decides, not the name.

import { type Graph, type Node, operatorKey, type Value } from '../onnx/graph.js';
import type { Tensor } from '../onnx/tensor.js';

type Role = 'weight' | 'bias';

/** `matrix`: only with two axes or more. `plain`: this value all over says that the layer has no weights of its own. */
interface Position {
  role: Role;
  matrix?: boolean;
  plain?: number;
}

const convolution: Record<number, Position> = { 1: { role: 'weight' }, 2: { role: 'bias' } };
const normalisation: Record<number, Position> = { 1: { role: 'weight' }, 2: { role: 'bias' } };

/** Role of each input by operator; inputs without one hold no weights. */
const positions: Record<string, Record<number, Position>> = {
  MatMul: { 0: { role: 'weight', matrix: true }, 1: { role: 'weight', matrix: true } },
  Gemm: { 0: { role: 'weight', matrix: true }, 1: { role: 'weight', matrix: true }, 2: { role: 'bias' } },
  Gather: { 0: { role: 'weight', matrix: true } },
  Conv: convolution,
  ConvTranspose: convolution,
  LayerNormalization: normalisation,
  BatchNormalization: normalisation,
  GroupNormalization: normalisation,
  // Group normalisation of older opsets is written with this operator, its own scale and bias left at 1 and 0.
  InstanceNormalization: { 1: { role: 'weight', plain: 1 }, 2: { role: 'bias', plain: 0 } },
  PRelu: { 1: { role: 'weight' } },
  Add: { 0: { role: 'bias' }, 1: { role: 'bias' } },
  Sub: { 1: { role: 'bias' } },
  Mul: { 0: { role: 'weight' }, 1: { role: 'weight' } },
  'com.microsoft.FusedMatMul': { 0: { role: 'weight', matrix: true }, 1: { role: 'weight', matrix: true } },
  'com.microsoft.BiasGelu': { 1: { role: 'bias' } },
  'com.microsoft.FastGelu': { 1: { role: 'bias' } },
  'com.microsoft.SkipLayerNormalization': { 2: { role: 'weight' }, 3: { role: 'bias' }, 4: { role: 'bias' } },
};

/** Inputs that were measured, not learned, by operator: why they are never trained. */
const statistics: Record<string, Record<number, string>> = {
  BatchNormalization: { 3: 'the mean', 4: 'the variance' },
};

/** Operators whose operands of one element are numbers of the arithmetic. */
const arithmetic = new Set(['Add', 'Mul', 'Sub', 'MatMul', 'Gather']);

/** Operators that only arrange or cast what they read: a weight may go through them. */
const arranging = new Set([
  'Transpose',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Cast',
  'Identity',
  'Slice',
  'Split',
  'Concat',
  'Expand',
]);

/** Operators that look at the shape of what they read and not at its values. */
const measuring = new Set(['Shape', 'Size']);

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

/** Where a tensor is used as a weight, or why it is none. */
export function weightUses(graph: Graph, consumers: Map<Value, Node[]>, name: Value): Use[] | string {
  const tensor = graph.initializers.get(name)!;
  const readers: { node: Node; input: number }[] = [];
  const visit = (value: Value): void => {
    for (const node of consumers.get(value) ?? [])
      if (measuring.has(node.op) && node.domain === '') continue;
      else if (arranging.has(node.op) && node.domain === '' && (node.op === 'Concat' || node.inputs.indexOf(value) === 0))
        for (const out of node.outputs) visit(out);
      else for (const [input, x] of node.inputs.entries()) if (x === value) readers.push({ node, input });
  };
  visit(name);
  if (readers.length === 0) return 'nothing reads it';
  const uses: Use[] = [];
  for (const { node, input } of readers) {
    const op = operatorKey(node);
    const measured = statistics[op]?.[input];
    if (measured) return `${op} '${node.name}' reads it as ${measured} of its channels: statistics are not trained`;
    const position = positions[op]?.[input];
    if (!position || (position.matrix && tensor.shape.length < 2))
      return `${op} '${node.name}' reads it as input ${input}, which holds no weight`;
    if (position.plain !== undefined && tensor.numbers().every((v) => v === position.plain))
      return `${op} '${node.name}' has it at ${position.plain} all over: a normalisation without weights`;
    uses.push({ role: position.role, node });
  }
  if (tensor.size === 1 && (tensor.shape.length === 0 || uses.some(({ node }) => arithmetic.has(node.op))))
    return 'a number';
  return uses.some(({ node }) => node.op === 'Add' || node.op === 'Mul' || node.op === 'Sub') && isTable(tensor)
    ? 'a table of constants (mask or positions) that is added or multiplied'
    : uses;
}

/** Values that no training would leave: all 1, or 0 and one other number over several axes, or as large as a mask. */
function isTable(tensor: Tensor): boolean {
  if (tensor.shape.filter((d) => d > 1).length < 2 || !(tensor.data() instanceof Float32Array)) return false;
  const data = tensor.data() as Float32Array;
  const other = data.find((x) => x !== 0) ?? 0;
  const plain = data.every((x) => x === 0 || x === other) && (other === 1 || data.includes(0));
  return plain || data.some((x) => !(Math.abs(x) < 1e4));
}

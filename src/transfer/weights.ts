// Which operands of an operator are weights: tensors that were learned, as against numbers of the arithmetic (√d,
// masks, epsilons). Exporters rename tensors, so position in the graph decides, not the name.

import type { Graph, Node, Value } from '../onnx/graph.js';
import type { Tensor } from '../onnx/tensor.js';

type Role = 'weight' | 'bias';

/** Role of each input by operator; inputs without one hold no weights. `matrix`: only with two axes or more. */
const positions: Record<string, Record<number, { role: Role; matrix?: boolean }>> = {
  MatMul: { 0: { role: 'weight', matrix: true }, 1: { role: 'weight', matrix: true } },
  Gemm: { 0: { role: 'weight', matrix: true }, 1: { role: 'weight', matrix: true }, 2: { role: 'bias' } },
  Gather: { 0: { role: 'weight', matrix: true } },
  LayerNormalization: { 1: { role: 'weight' }, 2: { role: 'bias' } },
  Add: { 0: { role: 'bias' }, 1: { role: 'bias' } },
  Sub: { 1: { role: 'bias' } },
  Mul: { 0: { role: 'weight' }, 1: { role: 'weight' } },
  'com.microsoft.FusedMatMul': { 0: { role: 'weight', matrix: true }, 1: { role: 'weight', matrix: true } },
  'com.microsoft.BiasGelu': { 1: { role: 'bias' } },
  'com.microsoft.FastGelu': { 1: { role: 'bias' } },
  'com.microsoft.SkipLayerNormalization': { 2: { role: 'weight' }, 3: { role: 'bias' }, 4: { role: 'bias' } },
};

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
      if (arranging.has(node.op) && node.domain === '' && node.inputs.indexOf(value) === 0)
        for (const out of node.outputs) visit(out);
      else readers.push({ node, input: node.inputs.indexOf(value) });
  };
  visit(name);
  if (readers.length === 0) return 'nothing reads it';
  const uses: Use[] = [];
  for (const { node, input } of readers) {
    const op = node.domain ? `${node.domain}.${node.op}` : node.op;
    const position = positions[op]?.[input];
    if (!position || (position.matrix && tensor.shape.length < 2))
      return `${op} '${node.name}' reads it as input ${input}, which holds no weight`;
    uses.push({ role: position.role, node });
  }
  return uses.some(({ node }) => node.op === 'Add' || node.op === 'Mul' || node.op === 'Sub') && isTable(tensor)
    ? 'a table of constants (mask or positions) that is added or multiplied'
    : uses;
}

/** Values that no training would leave: all 0 or 1 over several axes, or as large as a mask. */
function isTable(tensor: Tensor): boolean {
  if (tensor.shape.filter((d) => d > 1).length < 2 || !(tensor.data() instanceof Float32Array)) return false;
  const data = tensor.data() as Float32Array;
  return data.every((x) => x === 0 || x === 1) || data.some((x) => !(Math.abs(x) < 1e4));
}

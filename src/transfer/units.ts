// Along which axis of a weight the units lie whose incoming weights it holds: the columns of x·W, the rows of W·x, the
// filters of a convolution.

import { attrInt, attrInts, type Graph, type Node, type Value } from '../onnx/graph.js';

/** Axes of the units in an operand of `rank` axes, by operator and input. */
const axes: Record<string, (node: Node, input: number, rank: number) => number | undefined> = {
  MatMul: (_, input, rank) => (input === 1 ? rank - 1 : rank - 2),
  Gemm: (node, input) => {
    if (input > 1) return undefined;
    const transposed = attrInt(node, input === 1 ? 'transB' : 'transA', 0) !== 0;
    return (input === 1) === transposed ? 0 : 1;
  },
  Conv: (_, input) => (input === 1 ? 0 : undefined),
  ConvTranspose: (node, input) => (input === 1 && attrInt(node, 'group', 1) === 1 ? 1 : undefined),
};

/** undefined: no product or convolution reads it, or several that see other units in it. */
export function unitAxis(graph: Graph, consumers: Map<Value, Node[]>, name: Value): number | undefined {
  const rank = graph.initializers.get(name)?.shape.length ?? 0;
  if (rank < 2) return undefined;
  const found = new Set<number>();
  const follow = (value: Value, axisOf: readonly number[]): void => {
    for (const node of consumers.get(value) ?? [])
      if (node.op === 'Transpose') {
        const order = attrInts(node, 'perm') ?? axisOf.map((_, i) => axisOf.length - 1 - i);
        follow(
          node.outputs[0]!,
          order.map((axis) => axisOf[axis]!),
        );
      } else if (node.op === 'Cast' || node.op === 'Identity') follow(node.outputs[0]!, axisOf);
      else
        for (const [input, x] of node.inputs.entries()) {
          const axis = x === value ? axes[node.op]?.(node, input, rank) : undefined;
          if (axis !== undefined) found.add(axisOf[axis]!);
        }
  };
  follow(
    name,
    Array.from({ length: rank }, (_, i) => i),
  );
  return found.size === 1 ? [...found][0] : undefined;
}

// The last rewrite for a device with the kernel: large matrix products in float32 become ortune.Gemm. A device has
// that kernel only on processors where it is faster than the runtime's (native/session/custom_ops.cc). It reads
// transposed operands at full speed, so nothing is transposed beforehand.

import type { Builder } from '../onnx/builder.js';
import { attrFloat, attrInt, type Node } from '../onnx/graph.js';

/** Products with fewer multiplications do not repay the packing of their operands. */
const leastWork = 2 ** 20;

/** Rewrites the builder's static graph in place. */
export function useOrtuneGemm(b: Builder): void {
  for (const node of b.graph.nodes)
    if (isLargeProduct(b, node)) {
      node.op = 'Gemm';
      node.domain = 'ortune';
    }
}

function isLargeProduct(b: Builder, node: Node): boolean {
  if (node.domain || !['Gemm', 'MatMul'].includes(node.op)) return false;
  const [x, w, bias] = node.inputs.map((value) => b.type(value));
  if (x!.dtype !== 'float32' || x!.shape.length !== 2 || w!.shape.length !== 2) return false;
  const [rows, columns] = b.shape(node.outputs[0]!) as [number, number];
  if (bias && (bias.shape.at(-1) !== columns || (bias.shape.length === 2 && bias.shape[0] !== 1))) return false;
  if (attrFloat(node, 'alpha', 1) !== 1 || attrFloat(node, 'beta', 1) !== 1) return false;
  return rows * columns * x!.shape[attrInt(node, 'transA', 0) ? 0 : 1]! >= leastWork;
}

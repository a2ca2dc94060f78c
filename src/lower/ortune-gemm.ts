// The last rewrite for a device with the kernels: large matrix products in float32 become ortune's own. In float32 that
// is ortune.Gemm, which a device has only on processors where it is faster than the runtime's
// (native/session/custom_ops.cc); under `precision: bfloat16` ortune.GemmBf16, whose operands are rounded and whose
// sums are float32. Both read transposed operands at full speed, so nothing is transposed beforehand.

import type { Builder } from '../onnx/builder.js';
import { attrFloat, attrInt, type Node } from '../onnx/graph.js';
import { elementCount } from '../onnx/tensor.js';

/** Products with fewer multiplications do not repay the packing of their operands. */
const leastWork = 2 ** 20;

/** Rewrites the builder's static graph in place. */
export function useOrtuneGemm(b: Builder, op: 'Gemm' | 'GemmBf16'): void {
  for (const node of b.graph.nodes)
    if (isLargeProduct(b, node)) {
      node.op = op;
      node.domain = 'ortune';
    }
}

/** Of a matrix, or of the rows of a tensor, with a matrix. */
function isLargeProduct(b: Builder, node: Node): boolean {
  if (node.domain || !['Gemm', 'MatMul'].includes(node.op)) return false;
  const [x, w, bias] = node.inputs.map((value) => b.type(value));
  if (x!.dtype !== 'float32' || x!.shape.length < 2 || w!.shape.length !== 2) return false;
  const size = b.shape(node.outputs[0]!);
  if (bias && (bias.shape.at(-1) !== size.at(-1) || (bias.shape.length === 2 && bias.shape[0] !== 1))) return false;
  if (attrFloat(node, 'alpha', 1) !== 1 || attrFloat(node, 'beta', 1) !== 1) return false;
  return elementCount(size) * x!.shape.at(attrInt(node, 'transA', 0) ? 0 : -1)! >= leastWork;
}

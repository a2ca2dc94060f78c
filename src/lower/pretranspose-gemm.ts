// Weight gradients aᵀ·dy on the CPU: the runtime's Gemm with transA packs its left operand anew for every block of
// columns and runs at 0.8 of its usual speed, so the smaller operand is transposed once beforehand (bench/gemm.mjs).
// Query, key and value share one input, hence one transpose. Runs after differentiation.

import type { Builder } from '../onnx/builder.js';
import { attrFloat, attrInt, type Node, type Value } from '../onnx/graph.js';
import { elementCount } from '../onnx/tensor.js';

/** Products with fewer multiplications gain nothing. */
const leastWork = 2 ** 24;

/** Rewrites, in place, every large float32 Gemm(a, y, transA) of the builder's static graph. */
export function pretransposeGemm(b: Builder): void {
  const { graph } = b;
  const nodes = graph.nodes;
  const transposed = new Map<Value, Value>();
  graph.nodes = [];
  for (const node of nodes) {
    if (isLargeTransposed(b, node)) emit(b, node, transposed);
    else graph.nodes.push(node);
  }
}

function isLargeTransposed(b: Builder, node: Node): boolean {
  if (node.op !== 'Gemm' || node.domain || node.inputs.length !== 2) return false;
  if (attrInt(node, 'transA', 0) === 0 || attrInt(node, 'transB', 0) === 1 || attrFloat(node, 'alpha', 1) !== 1)
    return false;
  const [a, y] = node.inputs as [Value, Value];
  return b.type(a).dtype === 'float32' && elementCount(b.shape(a)) * b.shape(y)[1]! >= leastWork;
}

/** aᵀ·y directly, or (yᵀ·a)ᵀ where y and the product are less to transpose than a. */
function emit(b: Builder, node: Node, transposed: Map<Value, Value>): void {
  const [a, y] = node.inputs as [Value, Value];
  const once = (value: Value): Value => {
    const known = transposed.get(value) ?? b.op('Transpose', [value], {}, { domain: 'ortune' });
    transposed.set(value, known);
    return known;
  };
  const size = (value: Value) => (transposed.has(value) ? 0 : elementCount(b.shape(value)));
  const output = elementCount(b.shape(node.outputs[0]!));
  const swap = size(y) + output < size(a);
  const inputs = swap ? [once(y), a] : [once(a), y];
  const rest = { outputs: node.outputs, attrs: new Map() };
  if (swap) b.append({ ...node, ...rest, op: 'Transpose', domain: 'ortune', inputs: [b.op('Gemm', inputs)] });
  else b.append({ ...node, ...rest, inputs });
}

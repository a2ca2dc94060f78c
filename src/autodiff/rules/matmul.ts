// Gradients of matrix products. With a matrix on the right (a layer's weight) both gradients are one Gemm over all
// rows, so that the runtime multiplies one large matrix; batched products (attention) use FusedMatMul, which reads a
// transposed operand in place. lower/ spells FusedMatMul out on devices that lack it.

import { ModelError } from '../../errors.js';
import { type AttrInput, type Builder, float } from '../../onnx/builder.js';
import { mul, rows, view } from '../../onnx/formulas.js';
import { attrFloat, attrInt, type Value } from '../../onnx/graph.js';
import { quote } from '../../quote.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

/** y = alpha · op(a) · op(w), where op transposes the last two axes when the flag is set. */
interface Product {
  a: Value;
  w: Value;
  transA: number;
  transW: number;
  alpha: number;
}

type Multiply = (x: Value, y: Value, transX: number, transY: number, alpha: number) => Value;

/**
 * The gradient of operand 0 or 1:  da = alpha · dy · wᵀ  and  dw = alpha · aᵀ · dy,  with the operands swapped where y
 * was made from a transposed one:  y = aᵀw gives da = w · dyᵀ,  y = awᵀ gives dw = dyᵀ · a.
 */
function productGrad({ a, w, transA, transW, alpha }: Product, dy: Value, operand: number, multiply: Multiply): Value {
  if (operand === 0) return transA ? multiply(w, dy, transW, 1, alpha) : multiply(dy, w, 0, 1 - transW, alpha);
  return transW ? multiply(dy, a, 1, transA, alpha) : multiply(a, dy, 1 - transA, 0, alpha);
}

const attributes = (transA: number, transB: number, alpha: number): Record<string, AttrInput> => ({
  ...(transA ? { transA } : {}),
  ...(transB ? { transB } : {}),
  ...(alpha !== 1 ? { alpha: float(alpha) } : {}),
});

const byGemm =
  (b: Builder): Multiply =>
  (x, y, transX, transY, alpha) =>
    b.op('Gemm', [x, y], attributes(transX, transY, alpha));

const byFusedMatMul =
  (b: Builder): Multiply =>
  (x, y, transX, transY, alpha) =>
    transX || transY || alpha !== 1
      ? b.op('FusedMatMul', [x, y], attributes(transX, transY, alpha), { domain: 'com.microsoft' })
      : b.op('MatMul', [x, y]);

/** The operands as matrices: one-dimensional ones (MatMul allows them) are a row on the left, a column on the right. */
function operands({ b, x, node }: RuleContext): Product {
  const [a, w] = [b.shape(x[0]!), b.shape(x[1]!)];
  return {
    a: a.length > 1 ? x[0]! : view(b, x[0]!, [1, a[0]!]),
    w: w.length > 1 ? x[1]! : view(b, x[1]!, [w[0]!, 1]),
    transA: attrInt(node, 'transA', 0),
    transW: attrInt(node, 'transB', 0),
    alpha: attrFloat(node, 'alpha', 1),
  };
}

/** MatMul and FusedMatMul. */
const product =
  (operand: number): InputRule =>
  (c, dy) => {
    const { b, node, x } = c;
    if (attrInt(node, 'transBatchA', 0) || attrInt(node, 'transBatchB', 0))
      throw new ModelError(
        `node ${quote(node.name)} (com.microsoft.FusedMatMul) transposes batch axes (transBatchA or transBatchB), which ` +
          'has no gradient here; export the model with a Transpose instead',
      );
    const p = operands(c);
    const w = b.shape(p.w);
    if (w.length > 2 || p.transA) {
      const batch = b.shape(dy).slice(0, Math.max(w.length, b.shape(p.a).length) - 2);
      const matrix = [b.shape(p.a).at(p.transA ? -1 : -2)!, w.at(p.transW ? -2 : -1)!];
      return productGrad(p, view(b, dy, [...batch, ...matrix]), operand, byFusedMatMul(b));
    }
    const flat = { ...p, a: rows(b, p.a) };
    const out = [b.shape(flat.a)[0]!, w[p.transW ? 0 : 1]!];
    const grad = productGrad(flat, view(b, dy, out), operand, byGemm(b));
    return view(b, grad, b.shape(x[operand]!));
  };

/** y = alpha · op(a) · op(w) + beta · bias */
const gemm =
  (operand: number): InputRule =>
  (c, dy) =>
    productGrad(operands(c), dy, operand, byGemm(c.b));

const gemmBias: InputRule = ({ b, node }, dy) => {
  const beta = attrFloat(node, 'beta', 1);
  return beta === 1 ? dy : mul(b, dy, beta);
};

export const matmul: RuleTable = {
  MatMul: [product(0), product(1)],
  'com.microsoft.FusedMatMul': [product(0), product(1)],
  Gemm: [gemm(0), gemm(1), gemmBias],
};

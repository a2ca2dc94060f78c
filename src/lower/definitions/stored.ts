// Products with weights that are stored in few bits, of the floats that these stand for. The runtime's own kernel wants
// the weights laid out anew, which are then there twice, or makes floats of them more slowly than DequantizeLinear
// does.

import { partsOfRows, rowsBetween, storedProduct } from '../../onnx/formulas/quantised.js';
import { add, rows, view } from '../../onnx/formulas.js';
import { attrInt, type Node } from '../../onnx/graph.js';
import type { Form } from '../form.js';

/** Whether the runtime rounds the rows of x as well, which its own kernel alone does. */
export const roundsInside = (node: Node): boolean =>
  node.op === 'MatMulNBits' && attrInt(node, 'accuracy_level', 0) >= 4;

/** y = x · Wᵀ + bias, for some rows of W at a time */
const matMulNBits: Form = (b, node) => {
  if (roundsInside(node)) return undefined;
  const [x, , , , , bias] = node.inputs;
  const stored = storedProduct(b, node);
  const flat = rows(b, x!);
  const parts = partsOfRows(stored.shape);
  const alone = parts.length === 1 && bias ? [bias] : [];
  const products = parts.map(([from, to]) =>
    b.op('Gemm', [flat, rowsBetween(b, stored, from, to), ...alone], { transB: 1 }),
  );
  const y = products.length === 1 ? products[0]! : b.op('Concat', products, { axis: 1 });
  return [view(b, bias && parts.length > 1 ? add(b, y, bias) : y, b.shape(node.outputs[0]!))];
};

export const storedProducts = { 'com.microsoft.MatMulNBits': matMulNBits } as const satisfies Record<string, Form>;

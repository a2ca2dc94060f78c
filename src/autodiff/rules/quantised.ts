// Products with frozen weights that are stored in few bits. The weights have no gradient and keep their stored form;
// what lies below them gets dy times the floats that they stand for, made for some rows at a time.

import {
  codedRowsBetween,
  partsOfRows,
  rowsBetween,
  storedProduct,
  withinRange,
} from '../../onnx/formulas/quantised.js';
import { between, rows, view, where } from '../../onnx/formulas.js';
import type { Value } from '../../onnx/graph.js';
import { TypeContext } from '../../onnx/shapes/context.js';
import { codedSizes } from '../../onnx/shapes/quantised.js';
import type { InputRule, RuleContext, RuleTable } from './context.js';

/**
 * y = x · Wᵀ with W [N, K]:  dx = dy · W = Σ over parts of the N rows of  dy[:, part] · W[part]
 * @param floats W[from … to − 1]
 */
function byParts(
  { b, x }: RuleContext,
  dy: Value,
  parts: readonly (readonly [number, number])[],
  floats: (from: number, to: number) => Value,
): Value {
  const flat = rows(b, dy);
  const products = parts.map(([from, to]) => {
    const columns = parts.length === 1 ? flat : between(b, flat, 1, from, to);
    return b.op('Gemm', [columns, floats(from, to)]);
  });
  // One after the other, so that no more than two parts are there at once.
  const dx = products.reduce((sum, part) => b.op('Add', [sum, part]));
  return view(b, dx, b.shape(x[0]!));
}

const ofBlocks: InputRule = (c, dy) => {
  const stored = storedProduct(c.b, c.node);
  return byParts(c, dy, partsOfRows(stored.shape), (from, to) => rowsBetween(c.b, stored, from, to));
};

const ofCodes: InputRule = (c, dy) => {
  const { b, node, x } = c;
  const { n, k, block, table } = codedSizes(new TypeContext(b.graph, node));
  const [, packed, absmax] = x.map((value) => b.graph.initializers.get(value));
  const stored = { packed: packed!, absmax: absmax!, block, table, columns: k };
  const whole = (16 * block) / greatestCommonDivisor(block, k);
  return byParts(c, dy, partsOfRows([n, k], whole), (from, to) => codedRowsBetween(b, stored, from, to));
};

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

/** Straight through where x is within the range of the numbers, and 0 where it is cut, as PyTorch's fake_quantize. */
const straightThrough: InputRule = ({ b, node }, dy) => where(b, withinRange(b, node), dy, 0);

export const quantised: RuleTable = {
  DequantizeLinear: null,
  'com.microsoft.GatherBlockQuantized': null,
  'ortune.FakeQuantize': [straightThrough, null, null],
  // Its range is that of all of x, so that nothing is cut.
  'ortune.DynamicFakeQuantize': [(_, dy) => dy],
  'com.microsoft.MatMulNBits': [ofBlocks, null, null, null, null, (_, dy) => dy],
  'com.microsoft.MatMulBnb4': [ofCodes],
};
